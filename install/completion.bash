# shellcheck shell=bash disable=SC2154   # completion writes what stands before
# The words that may stand next, of which those that begin as the word at the cursor are taken.
_kasane() {
    local words='' name value n=1 current previous program=${COMP_WORDS[0]##*/}
    COMPREPLY=()
    current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    if [ "$current" = = ]; then   # "--sign=u" is three words to bash
        current=
    elif [ "$previous" = = ] && [ "$COMP_CWORD" -gt 2 ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$program" = kasane ]; then
        program=${COMP_WORDS[1]} n=2
    fi
    if [ "$COMP_CWORD" -lt "$n" ]; then
        words="$_kasane_programs pipeline help --help --version"
    elif [ "$program" = help ]; then
        words="$_kasane_programs pipeline"
    elif [ "$program" = pipeline ]; then
        words=$_kasane_goals
    else
        while read -r name value; do
            if [ "$name" = commands ]; then
                [ "$COMP_CWORD" -ne "$n" ] || words=$value
            elif [ "$name" = "$previous" ] && [ -n "$value" ]; then
                words=
                [[ $value != *'|'* ]] || words=${value//|/ }
                break
            elif [[ $current = -* ]]; then
                words="$words $name"
            fi
        done < <(_kasane_options "$program")
    fi
    # shellcheck disable=SC2207   # no word has a blank in it
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _kasane "$(basename "${BASH_SOURCE[0]}")"
