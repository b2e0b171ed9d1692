package options

import (
	"flag"
	"io"
	"strings"
	"testing"
)

// What has no effect, or contradicts something else, is refused, and so is a wrong environment variable.
func TestWhatMakesNoSenseTogether(t *testing.T) {
	for args, says := range map[string]string{
		"":                                           "",
		"--keep --nodes 3 --k8s 1.37":                "",
		"--context prod":                             "",
		"--context prod --kubeconfig k":              "",
		"--context prod --keep=0":                    "",
		"--kubeconfig k":                             "kubeconfig (k) has no effect without context: say which context of it to use",
		"--namespace shop":                           "namespace (shop) has no effect without context: say on which cluster it is",
		"--namespace shop --print-rbac":              "", // asks no cluster
		"--context prod --namespace shop":            "",
		"--context prod --repeat 5":                  "",
		"--context prod --namespace shop --repeat 5": "repeat (5) needs a namespace for each run, and namespace (shop) gives one for all",
		"--nodes 1 --context prod":                   "nodes (1) has no effect with context (prod): that cluster exists already, and none is made",
		"--context prod --k8s 1.37":                  "k8s (1.37) has no effect with context (prod)",
		"--context prod --keep":                      "keep (true) has no effect with context (prod)",
		"ENGINE=foo":                                 `invalid value "foo" for ENGINE: it must be docker or podman`,
		"ENGINE=docker INSTALL=1":                    "",
		"INSTALL=foo":                                `invalid value "foo" for INSTALL: it must be 1 or 0`,
		"INSTALL=no":                                 "",
		"ENGINE=foo --kubeconfig k":                  "ENGINE",
		"--context prod --push r.example/m --pull-secret a/b": "",
		"--push r.example/m":               "push (r.example/m) has no effect without context",
		"--context prod --pull-secret a/b": "pull-secret (a/b) has no effect without push",
	} {
		t.Run(args, func(t *testing.T) {
			t.Setenv("ENGINE", "")
			t.Setenv("INSTALL", "")
			var flags []string
			for _, a := range strings.Fields(args) {
				if name, value, is := strings.Cut(a, "="); is && !strings.HasPrefix(a, "-") {
					t.Setenv(name, value)
				} else {
					flags = append(flags, a)
				}
			}
			v := FromEnvironment()
			f := flag.NewFlagSet("test", flag.ContinueOnError)
			f.SetOutput(io.Discard)
			for _, o := range All() {
				if o.Flag != "" {
					f.Var(o.Value(&v), o.Flag, o.Help)
				}
			}
			if err := f.Parse(flags); err != nil {
				t.Fatal(err)
			}
			err := v.Check()
			if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
				t.Errorf("%v", err)
			}
			if v.NoInstall != strings.Contains(args, "INSTALL=no") {
				t.Errorf("no packages are installed: %v", v.NoInstall)
			}
		})
	}
}
