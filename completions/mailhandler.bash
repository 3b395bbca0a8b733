# bash completion for mailhandler: asks the program itself, so that it cannot be out of date.
# Install as /usr/share/bash-completion/completions/mailhandler, or source it.

_mailhandler() {
    local line=${COMP_LINE:0:COMP_POINT} current=${COMP_WORDS[COMP_CWORD]} offer
    local -a words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    local program=${words[0]/#\~/$HOME} whole=${words[-1]}
    # readline splits words at @, : and = (COMP_WORDBREAKS) and replaces only the last piece: what
    # stands before it must not be offered again.
    local offset=$((${#whole} - ${#current}))
    ((offset < 0)) && offset=0
    COMPREPLY=()
    while IFS= read -r offer; do
        offer=${offer%%$'\t'*}
        case $offer in
            :files) compopt -o default 2>/dev/null ;;
            :directories) compopt -o dirnames 2>/dev/null ;;
            *) COMPREPLY+=("${offer:offset}") ;;
        esac
    done < <("$program" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _mailhandler mailhandler
