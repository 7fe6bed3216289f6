export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** What makes a shell ask `millrace completion <shell> -- <words>` whenever Tab is pressed; it knows no command and no option itself. */
export function completionScript(shell: Shell): string {
  return { bash: BASH, zsh: ZSH, fish: FISH }[shell]
}

const BASH = `# Completion of millrace for bash. In ~/.bashrc:  source <(millrace completion bash)
_millrace() {
  local IFS=$'\\n' kind line
  COMPREPLY=()
  {
    read -r kind
    while read -r line; do COMPREPLY+=("\${line%%$'\\t'*}"); done
  } < <("\${COMP_WORDS[0]}" completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $kind == paths ]]; then
    compopt -o filenames 2>/dev/null
    [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
  fi
  return 0
}
complete -o nosort -F _millrace millrace 2>/dev/null || complete -F _millrace millrace
`

const ZSH = `#compdef millrace
# Completion of millrace for zsh. In ~/.zshrc, after compinit:  source <(millrace completion zsh)
_millrace() {
  local -a lines values described folders
  local kind line value
  lines=("\${(@f)$("\${(Q)words[1]}" completion zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  kind=\${lines[1]}
  for line in "\${(@)lines[2,-1]}"; do
    value=\${line%%$'\\t'*}
    [[ -z $value ]] && continue
    if [[ $value == */ ]]; then folders+=("$value"); else values+=("$value"); fi
    if [[ $line == *$'\\t'* ]]; then described+=("\${value//:/\\\\:}:\${line#*$'\\t'}"); else described+=("\${value//:/\\\\:}"); fi
  done
  if [[ $kind == paths ]]; then
    (( \${#values} )) && compadd -- "\${values[@]}"
    (( \${#folders} )) && compadd -S '' -- "\${folders[@]}"
  else
    _describe -V millrace described
  fi
}
if [[ "$funcstack[1]" == _millrace ]]; then _millrace "$@"; else compdef _millrace millrace; fi
`

const FISH = `# Completion of millrace for fish:  millrace completion fish > ~/.config/fish/completions/millrace.fish
function __millrace_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    $program completion fish -- $words 2>/dev/null | tail -n +2
end
complete -c millrace -f -k -a '(__millrace_complete)'
`
