#include "commands.hpp"

int main(int argc, char** argv) { return mailhandler::cmd::main(argc, argv); }
