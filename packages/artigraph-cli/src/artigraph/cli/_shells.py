"""The scripts that complete words in bash and zsh.

They are click's but for two things. A word may contain ":" and "@", at which bash begins a new word. And no space
follows a proposal that is a beginning, such as "Report/".
"""

from __future__ import annotations

import os

from click.shell_completion import BashComplete, ZshComplete, add_completion_class, split_arg_string

_BASH = r"""
%(complete_func)s() {
    local line=${COMP_LINE:0:COMP_POINT} word sign until kept= kind value
    word=${line##*[[:space:]]}
    # Bash replaces what follows the last of these signs, and "@" itself. A proposal must begin there.
    for sign in : = @; do
        if [[ $COMP_WORDBREAKS == *"$sign"* && $word == *"$sign"* ]]; then
            until=${word%%"$sign"*}${sign/@/}
            (( ${#until} > ${#kept} )) && kept=$until
        fi
    done
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("${value#"$kept"}")
                [[ $value == *[/:@] ]] && compopt -o nospace
                ;;
        esac
    done < <(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = r"""#compdef %(prog_name)s

%(complete_func)s() {
    local -a response plain beginnings described
    local kind key help
    local COMP_WORDS COMP_CWORD
    (( ! $+commands[%(prog_name)s] )) && return 1

    export COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1))
    response=("${(@f)$(%(complete_var)s=zsh_complete %(prog_name)s)}")

    for kind key help in ${response}; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                if [[ $help != _ ]]; then
                    described+=("$key:$help")
                elif [[ $key == *[/:@] ]]; then
                    beginnings+=("$key")
                else
                    plain+=("$key")
                fi
                ;;
        esac
    done

    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
    (( $#beginnings )) && compadd -S '' -U -V unsorted -a beginnings
    (( $#described + $#plain + $#beginnings ))
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class _BashScript(BashComplete):
    """Bash's script, which passes the line up to the cursor."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one at the cursor, and that word."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        if not words or line[-1].isspace():
            return words[1:], ""
        return words[1:-1], words[-1]


class _ZshScript(ZshComplete):
    """Zsh's script."""

    source_template = _ZSH


def use_scripts() -> None:
    """Let click take these scripts for its own."""
    add_completion_class(_BashScript)
    add_completion_class(_ZshScript)
