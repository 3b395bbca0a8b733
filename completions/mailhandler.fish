# fish completion for mailhandler: asks the program itself, so that it cannot be out of date.
# Install as mailhandler.fish in a directory of $fish_complete_path.

function __mailhandler_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for offer in ($program __complete $words[2..-1] 2>/dev/null)
        switch $offer
            case :files
                __fish_complete_path (commandline -ct)
            case :directories
                __fish_complete_directories (commandline -ct) ''
            case '*'
                printf '%s\n' $offer
        end
    end
end

complete -c mailhandler -f -a '(__mailhandler_complete)'
