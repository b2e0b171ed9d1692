package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/e2e/workload/draft"
)

func initCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "init [DIR|FILE|-- COMMAND…]", Short: "write a profile for manifests, for what a command prints, or for what runs in a namespace",
		Long: `Write a profile for manifests, for what a command prints, or for what runs in a namespace.

Of a folder only files are read: no helm is run and no remote base of a kustomization is fetched. The command after -- is run,
in the profile's folder and with the small environment that "meshproof lint --help" lists.`,
		Example: "  meshproof init deploy > profile.yaml\n  meshproof init -o shop/profile.yaml -- helm template shop ./chart --set replicas=3   # run in shop\n  meshproof init -n prod -o prod/profile.yaml",
		Args: func(c *cobra.Command, args []string) error {
			if c.ArgsLenAtDash() == 0 && len(args) > 0 {
				return nil
			}
			return usage(1)(c, args)
		},
	}
	out := c.Flags().StringP("output", "o", "", "write the profile to this new file (default: print it)")
	namespace := c.Flags().StringP("namespace", "n", "", "take what runs in this namespace; its manifests are written beside the profile")
	var o target.ExistingOptions
	c.Flags().StringVar(&o.Context, "context", "", "kubeconfig context of --namespace (default: the current one)")
	c.Flags().StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file of --namespace")
	c.RunE = func(c *cobra.Command, args []string) error {
		path, at, command := ".", filepath.Join(".", "profile.yaml"), c.ArgsLenAtDash() == 0 && len(args) > 0
		if *out != "" {
			at = *out
		}
		switch {
		case *namespace != "" && len(args) > 0:
			return exitcode.With(exitcode.Usage, fmt.Errorf("a namespace (%s) and manifests (%s) are named: give a namespace or manifests, not both", *namespace, args[0]))
		case *namespace != "" && *out == "":
			return exitcode.With(exitcode.Usage, errors.New("with -n the manifests are written beside the profile: say where with -o, for example -o shop/profile.yaml"))
		case *namespace == "" && (o.Context != "" || o.Kubeconfig != ""):
			return exitcode.With(exitcode.Usage, errors.New("--context and --kubeconfig are for a namespace: say which one with -n NAMESPACE"))
		case len(args) == 1:
			path = args[0]
		}
		if _, err := os.Stat(at); *out != "" && !errors.Is(err, fs.ErrNotExist) {
			return exitcode.With(exitcode.Usage, fmt.Errorf("%s exists and is not overwritten: name another file with -o", at))
		}
		if *namespace != "" {
			o.Log = func(string) {}
			cluster, err := target.Existing(c.Context(), o)
			if err != nil {
				return err
			}
			path = filepath.Join(filepath.Dir(at), "manifests")
			if err = draft.Export(c.Context(), cluster.Config, *namespace, path); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s: the manifests of namespace %s; Secrets have none of their values there\n", path, *namespace)
		}
		write := func() (string, error) { return draft.Profile(c.Context(), workload.Loader{}, path, at) }
		if command {
			write = func() (string, error) { return draft.Command(c.Context(), workload.Loader{}, args, at) }
		}
		text, err := write()
		if err != nil {
			return err
		}
		if *out == "" {
			fmt.Fprint(c.OutOrStdout(), text)
			return nil
		}
		return create(at, text)
	}
	return c
}

// create makes a new file. A file that exists stays as it is.
func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
