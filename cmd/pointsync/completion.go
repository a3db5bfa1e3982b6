package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Run prints the script that completes commands and flags in a shell. It is made from the commands of this program.
func (c completionCmd) Run(app *kong.Kong) error {
	lines := completions(app.Model.Node, "")
	switch c.Shell {
	case "fish":
		return fishCompletion(os.Stdout, lines)
	case "zsh":
		return bashCompletion(os.Stdout, lines, "autoload -U +X bashcompinit && bashcompinit\n")
	}
	return bashCompletion(os.Stdout, lines, "")
}

// completed is a command with the words that may come after it.
type completed struct {
	path     string // such as "stripe check", "" for the program itself
	commands []word
	flags    []word
}

type word struct{ name, help string }

// completions lists a command and all commands below it.
func completions(n *kong.Node, path string) []completed {
	c, below := completed{path: path}, []completed(nil)
	for _, child := range n.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		c.commands = append(c.commands, word{child.Name, child.Help})
		below = append(below, completions(child, strings.TrimSpace(path+" "+child.Name))...)
	}
	for _, p := range n.Positional {
		for _, value := range p.EnumSlice() {
			if value != "" { // without an enum there is one empty value
				c.commands = append(c.commands, word{value, p.Help})
			}
		}
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			c.flags = append(c.flags, word{"--" + f.Name, f.Help})
		}
	}
	return append([]completed{c}, below...)
}

// bashCompletion writes a function that looks the words before the cursor up in a table. Flags, and what is no command,
// are left out of the path. Where nothing fits, the shell completes files.
func bashCompletion(out io.Writer, lines []completed, head string) error {
	var table strings.Builder
	for _, l := range lines {
		words := names(slices.Concat(l.commands, l.flags))
		fmt.Fprintf(&table, "        %q) words=%q ;;\n", l.path, words)
	}
	var paths []string
	for _, l := range lines[1:] {
		paths = append(paths, l.path)
	}
	_, err := fmt.Fprintf(out, `# Completion of pointsync. Written by pointsync completion.
%s_pointsync() {
    local path='' next words word known='|%s|'
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        next="${path:+$path }$word"
        [[ $known == *"|$next|"* ]] && path=$next
    done
    case $path in
%s    esac
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _pointsync pointsync
`, head, strings.Join(paths, "|"), table.String())
	return err
}

func names(words []word) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.name
	}
	return strings.Join(all, " ")
}

// fishCompletion writes a line for each word that may come next.
func fishCompletion(out io.Writer, lines []completed) error {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	b.WriteString("# Completion of pointsync. Written by pointsync completion.\n")
	for _, l := range lines {
		var when []string
		for _, command := range strings.Fields(l.path) {
			when = append(when, "__fish_seen_subcommand_from "+command)
		}
		if len(l.commands) > 0 {
			when = append(when, "not __fish_seen_subcommand_from "+names(l.commands))
		}
		condition := strings.Join(when, "; and ")
		for _, w := range l.commands {
			fmt.Fprintf(
				&b, "complete -c pointsync -f -n '%s' -a '%s' -d '%s'\n", condition, w.name, quote.Replace(w.help),
			)
		}
		for _, w := range l.flags {
			fmt.Fprintf(
				&b, "complete -c pointsync -n '%s' -l '%s' -d '%s'\n", condition, strings.TrimPrefix(w.name, "--"),
				quote.Replace(w.help),
			)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
