package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/inspect"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports"
	"meshproof.dev/meshproof/reports/picture"
)

// inspectFormats are the values of inspect's -o.
var inspectFormats = []string{"json", "html", "junit"}

func inspectCommand(code *int) *cobra.Command {
	c := &cobra.Command{
		Use: "inspect [deploy/NAME|sts/NAME|ds/NAME]", Short: "say what is wrong with a cluster that runs now, without changing anything", Args: usage(1),
		Long: `Say what is wrong with a cluster of Erlang nodes that runs now, without changing anything.

It lists objects, reads the ends of logs, runs cat in the pods' containers, asks each epmd for its names, and reads the challenge of
each node, which comes before any cookie. It reads no Secret and offers no cookie, unless --cookie-from says where one is: that goes to
one node of the cluster first, and to the others only if this one accepts it. It looks twice, at least a second apart: what one look
alone has shown, or what is seen while a rollout is under way, is unknown.`,
		Example: `  meshproof inspect deploy/shop -n prod              # one cluster
  meshproof inspect -n prod                          # every cluster of nodes in the namespace
  meshproof inspect -l app=shop --save shop.jsonl    # and keep the recording for a colleague: meshproof judge shop.jsonl
  meshproof inspect deploy/shop --cookie-from secret/shop:cookie   # and ask the nodes what they see
  meshproof inspect -n prod --print-rbac             # the Role that it makes use of, as YAML for kubectl apply
  meshproof inspect sts/rabbit -o json | jq .exit    # the report on stdout`,
	}
	form, verbose := output(c), verboseFlag(c, "print every check, not only those that did not pass")
	var kubeconfig, on, namespace, selector, save string
	f := c.Flags()
	f.StringVar(&on, "context", "", "kubeconfig context (default: the current one)")
	f.StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig file (default: as kubectl finds it)")
	f.StringVarP(&namespace, "namespace", "n", "", "namespace (default: that of the context)")
	f.StringVarP(&selector, "selector", "l", "", "inspect the clusters of the workloads whose pods have these labels")
	from := f.String("cookie-from", "", "offer the cookie at secret/NAME:KEY, in file:PATH, or that is typed (prompt) to the nodes, and ask them what they see")
	f.StringVar(&save, "save", "", "keep the recording in this new file; of several clusters one file each, named FILE.NAME")
	printRole := f.Bool("print-rbac", false, "print the Role that it makes use of, and inspect nothing")
	accept := f.Bool("accept-unseen", false, "accept what is unknown only because it cannot be seen from here (never mesh/linked)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := form.check(inspectFormats...); err != nil {
			return err
		}
		name := ""
		if len(args) == 1 {
			name = args[0]
		}
		what, err := inspect.ParseTarget(name, selector)
		if err != nil {
			return err
		}
		cookie, err := inspect.ParseCookieSource(*from, typed(c))
		if err != nil {
			return err
		}
		if *printRole && *form != "" {
			return exitcode.With(exitcode.Usage, fmt.Errorf("--print-rbac prints YAML, and -o %s a report: leave out one of the two", *form))
		}
		if _, err = os.Lstat(save); save != "" && err == nil {
			return exitcode.With(exitcode.Usage, fmt.Errorf("%s exists and is not overwritten: name another file with --save", save))
		}
		if *printRole && namespace != "" { // no cluster is asked for it
			_, err = fmt.Fprint(c.OutOrStdout(), inspect.PrintRole(namespace))
			return err
		}
		access, err := target.Reading(kubeconfig, on, namespace)
		if err != nil {
			return err
		}
		if *printRole {
			_, err = fmt.Fprint(c.OutOrStdout(), inspect.PrintRole(access.Namespace))
			return err
		}
		people := c.OutOrStdout()
		if *form != "" {
			people = c.ErrOrStderr() // stdout is for another program
		}
		offered := "no cookie"
		if cookie.Given() {
			offered = "cookie from " + strings.SplitN(*from, ":", 2)[0]
		}
		fmt.Fprintf(people, "context %s · namespace %s · read-only · %s\n", access.Context, access.Namespace, offered)
		began := time.Now()
		clusters, err := inspected(c.Context(), access, what, cookie)
		if err != nil {
			return err
		}
		all, err := judgeInspected(clusters, save, people)
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Wall = time.Since(began); *accept {
				all[i].AcceptUnseen()
			}
		}
		if *form != "" {
			return present(console(c, *verbose), *form, code, all)
		}
		return presentInspected(console(c, *verbose), code, all)
	}
	return c
}

// typed asks the user for the cookie, and does not show what is typed.
func typed(c *cobra.Command) func() ([]byte, error) {
	return func() ([]byte, error) {
		in, is := c.InOrStdin().(*os.File)
		if !is || !term.IsTerminal(int(in.Fd())) {
			return nil, errors.New("there is no terminal to type it on: use secret/NAME:KEY or file:PATH")
		}
		fmt.Fprint(c.ErrOrStderr(), "cookie: ")
		defer fmt.Fprintln(c.ErrOrStderr())
		return term.ReadPassword(int(in.Fd()))
	}
}

// inspected inspects the clusters. A panic of ours is the error.
func inspected(ctx context.Context, access *target.Access, what inspect.Target, cookie inspect.CookieSource) ([]inspect.Cluster, error) {
	var mu sync.Mutex
	var bugs []error
	clusters, err := inspect.Run(ctx, inspect.Options{Rest: access.Config, Client: access.Client, Namespace: access.Namespace, Target: what, Cookie: cookie, Caught: func(bug error) {
		mu.Lock()
		defer mu.Unlock()
		bugs = append(bugs, bug)
	}})
	mu.Lock()
	defer mu.Unlock()
	if len(bugs) > 0 {
		return nil, exitcode.With(exitcode.Internal, errors.Join(bugs...))
	}
	return clusters, err
}

// judgeInspected judges the recordings, and keeps them if that is wanted.
func judgeInspected(clusters []inspect.Cluster, save string, people io.Writer) ([]reports.Profile, error) {
	var all []reports.Profile
	for _, c := range clusters {
		v, err := view.New(c.Header)
		if err != nil {
			return nil, err
		}
		for _, e := range c.Events {
			v.Apply(e)
		}
		p := reports.Profile{Profile: judge.Judge(c.Name, []judge.Scenario{{Name: recording.Inspect, View: v}}, rules.All()), Namespace: c.Header.Namespace, Notes: c.Notes}
		p.Pictures = append(p.Pictures, picture.Of(v))
		if save != "" {
			path := save
			if len(clusters) > 1 {
				path += "." + strings.ReplaceAll(c.Name, "/", "-")
			}
			if err = keep(path, c); err != nil {
				return nil, err
			}
			fmt.Fprintf(people, "recording: %s\n", path)
		}
		all = append(all, p)
	}
	return all, nil
}

// keep writes a recording to a new file.
func keep(path string, c inspect.Cluster) error {
	if _, err := os.Lstat(path); err == nil {
		return exitcode.With(exitcode.Usage, fmt.Errorf("%s exists and is not overwritten: name another file with --save", path))
	}
	w, err := recording.Create(path, c.Header)
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	for _, e := range c.Events {
		w.Write(e)
	}
	return w.Close()
}

// presentInspected prints, for each cluster, first what can be pasted into a chat, and then the rest.
func presentInspected(out reports.Console, code *int, all []reports.Profile) error {
	r := &reports.Run{Started: time.Now(), Profiles: all, Provenance: reports.Provenance{Target: "inspection"}}
	r.Close(nil, time.Now())
	*code = r.Exit.Code
	for _, p := range all {
		fmt.Fprintln(out.W)
		out.Inspection(p)
	}
	for _, p := range all {
		out.InspectionDetails(p)
		out.Brief(p)
	}
	fmt.Fprintln(out.W)
	out.Counts(r)
	return nil
}
