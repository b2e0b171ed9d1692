package options

import (
	"fmt"
	"strings"
)

// makeHelp is the block of the Makefile that make help prints.
func makeHelp() string {
	var b strings.Builder
	for _, o := range All() {
		if o.Make != "" {
			fmt.Fprintf(&b, "#: %-16s %s\n", o.Make+"="+o.Default, o.Help)
		}
	}
	return b.String()
}

// table is the README's table of the options.
func table() string {
	var b strings.Builder
	b.WriteString("| make | meshproof | Ginkgo suite | |\n|---|---|---|---|\n")
	for _, o := range All() {
		parameter, flag, suite := "", "", ""
		if o.Make != "" {
			parameter = "`" + o.Make + "=" + o.Default + "`"
		}
		if o.Short != "" {
			flag = "`-" + o.Short + "`, "
		}
		if o.Flag != "" {
			flag += "`--" + o.Flag + "`"
		}
		if o.Suite != "" {
			suite = "`-" + o.Suite + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", parameter, flag, suite, o.Help)
	}
	return b.String()
}
