package draft

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

var (
	// erlangs are variables that releases of Erlang and Elixir and their images read (https://hexdocs.pm/mix/Mix.Tasks.Release.html,
	// https://rebar3.org/docs/deployment/releases/), and those of products.
	erlangs = regexp.MustCompile(`^(RELEASE_(COOKIE|NODE|NAME|DISTRIBUTION)|RELX_.*|ERL_.*|ELIXIR_.*|DNS_CLUSTER_QUERY|.*ERLANG_COOKIE|.*NODE_?COOKIE|` +
		`ERLANG_NODE(_ARG)?|RABBITMQ_(NODENAME|NODE_NAME|USE_LONGNAME|DIST_PORT)|EMQX?_(NODE_NAME|NODE__.*|CLUSTER__.*|HOST)|DOCKER_VERNEMQ_.*|COUCHDB_SEEDLIST|LIVEBOOK_(NODE|COOKIE|CLUSTER|DISTRIBUTION))$`)
	// erlangFlags are flags of a distributed VM, and the cookie flag of iex and elixir (elixir --help).
	erlangFlags = regexp.MustCompile(`(^|\s)-(setcookie|-cookie|name|sname|proto_dist|kernel)(\s|$)`)
	// erlangFiles are files that only such programs read, and erlangText what their other files have.
	erlangFiles = regexp.MustCompile(`^(vm\.args.*|rabbitmq(-env)?\.conf|emqx\.conf|vernemq\.conf|ejabberd(ctl)?\.(yml|cfg)|.*\.exs|sys\.config.*)$`)
	erlangText  = regexp.MustCompile(`(^|\s)-setcookie\s|cluster_formation\.|Cluster\.Strategy\.|RELEASE_(NODE|COOKIE|DISTRIBUTION)=`)
	// erlangImages are the last parts of their images' names.
	erlangImages = []string{"rabbitmq", "emqx", "emqx-enterprise", "vernemq", "couchdb", "ejabberd", "mongooseim", "livebook", "riak-kv"}
)

// erlang says what in a workload mentions Erlang, "" if nothing does. all are the manifests that it is from.
func erlang(all *manifest.Set, w *manifest.Workload) string {
	_, why := speaker(all, w)
	return why
}

// speaker is the first container of a workload that mentions Erlang, and where; nil if none does.
func speaker(all *manifest.Set, w *manifest.Workload) (container *manifest.Container, why string) {
	for _, c := range w.Containers(manifest.Main) {
		if why = speaks(all, w, c); why != "" {
			return c, why
		}
	}
	return nil, ""
}

func speaks(all *manifest.Set, w *manifest.Workload, c *manifest.Container) string {
	for _, p := range c.Ports {
		if p.Name == "epmd" || p.ContainerPort == profile.DefaultEPMDPort {
			return "it declares epmd's port"
		}
	}
	for _, e := range all.Env(w, c).Decided() {
		if erlangs.MatchString(e.Name) || e.Name != "" && workload.SaysCookie(e.Name) && !strings.Contains(strings.ToUpper(e.Name), "SESSION") {
			return "it has the variable " + e.Name
		}
	}
	for _, w := range slices.Concat(c.Command, c.Args) {
		if flag := erlangFlags.FindString(w); flag != "" {
			return "it has the argument " + strings.TrimSpace(flag)
		}
	}
	for _, f := range all.Files(w, c) {
		if name := path.Base(f.Path); erlangFiles.MatchString(name) || name == ".erlang.cookie" || erlangText.MatchString(f.Content) {
			return "it has the file " + f.Path
		}
	}
	if name, _ := workload.SplitImage(strings.Split(c.Image, "@")[0]); slices.Contains(erlangImages, path.Base(name)) {
		return "it runs the image " + c.Image
	}
	return ""
}
