package proc

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
)

// The limits of what is read of a process. An environment may contain the variables of a thousand Services.
const (
	maxCmdline = 64 << 10
	maxArgs    = 1000
	maxEnviron = 512 << 10
	maxStatus  = 16 << 10
	maxValue   = 4 << 10
	maxLines   = 500
)

// recordedVariables are the variables whose values are recorded: those that decide a node's name, where it listens and how
// it finds its peers. No other value leaves a pod.
var recordedVariables = []string{
	"CLUSTER_DOMAIN", "DISCOVERY_NAME", "ELIXIR_ERL_OPTIONS", "ERL_AFLAGS", "ERL_DIST_PORT", "ERL_EPMD_ADDRESS", "ERL_EPMD_PORT",
	"ERL_EPMD_RELAXED_COMMAND_CHECK", "ERL_FLAGS", "ERL_INETRC", "ERL_ZFLAGS", "HOSTNAME", "NAMESPACE", "POD_IP", "POD_NAME", "POD_NAMESPACE",
	"RELEASE_DISTRIBUTION", "RELEASE_MODE", "RELEASE_NAME", "RELEASE_NODE", "RELEASE_VM_ARGS", "RELX_OUT_FILE_PATH", "RELX_REPLACE_OS_VARS", "VMARGS_PATH",
}

// variableName is the form of a variable's name: a process may have overwritten its environment with any data.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// VM reads what /proc shows of a BEAM. Detail lists what cannot be read.
func (fs FS) VM(pid int, secrets Secrets) recording.VM {
	v := recording.VM{PID: pid}
	var d problems
	if data, cut, err := fs.readFile(pid, "cmdline", maxCmdline); d.check("the command line", cut, err) {
		v.Args = secrets.redactArgs(parseCmdline(data, cut))
		if len(v.Args) > maxArgs {
			v.Args = v.Args[:maxArgs]
			d.add("the command line: only the first %d arguments are recorded", maxArgs)
		}
	}
	if data, cut, err := fs.readFile(pid, "environ", maxEnviron); d.check("the environment", cut, err) {
		env := parseEnviron(data, cut)
		v.Names, v.Env = env.recordable(secrets)
		fs.vmArgs(pid, env, secrets, &v, &d)
	}
	if data, _, err := fs.readFile(pid, "status", maxStatus); d.check("status", false, err) {
		if v.NSPID = parseNSPID(string(data)); v.NSPID == 0 {
			d.add("status has no NSpid")
		}
	}
	if v.NSPID > 1 {
		var err error
		if v.First, v.FirstDeaf, err = fs.firstProcess(pid); err != nil {
			d.add("process 1 of its PID namespace: %v", err)
		}
		v.First = secrets.redact(v.First)
	}
	v.Detail = secrets.redact(d.String())
	return v
}

func (fs FS) readFile(pid int, name string, limit int) (data []byte, cut bool, err error) {
	f, err := os.Open(fs.path(pid, name))
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	return readLimited(f, limit)
}

// environ are the variables of a process, by name. The first one of a name counts (getenv(3)).
type environ map[string]string

func parseEnviron(data []byte, cut bool) environ {
	all := strings.Split(string(data), "\x00")
	if cut {
		all = all[:len(all)-1]
	}
	env := environ{}
	for _, e := range all {
		name, value, ok := strings.Cut(e, "=")
		if _, twice := env[name]; ok && !twice && variableName.MatchString(name) {
			env[name] = value
		}
	}
	return env
}

// recordable is what may be recorded: all names, and the values of recordedVariables.
func (env environ) recordable(secrets Secrets) (names []string, values map[string]string) {
	for name := range env {
		names = append(names, secrets.redact(name))
	}
	slices.Sort(names)
	for _, name := range recordedVariables {
		value, set := env[name]
		if !set {
			continue
		}
		if values == nil {
			values = map[string]string{}
		}
		text, _ := secrets.redactText(value)
		values[name] = text[:min(len(text), maxValue)]
	}
	return names, values
}

// vmArgs reads the rendered vm.args. The variables of the release's script have its path.
func (fs FS) vmArgs(pid int, env environ, secrets Secrets, v *recording.VM, d *problems) {
	path := env["VMARGS_PATH"]
	if path == "" {
		path = env["RELEASE_VM_ARGS"]
	}
	if path == "" || len(path) > maxValue {
		return
	}
	v.VMArgsPath = secrets.redact(path)
	if path[0] != '/' {
		d.add("%s is not an absolute path", path)
		return
	}
	if data, cut, err := fs.readInRoot(pid, path); d.check(path, cut, err) {
		v.VMArgs = parseVMArgs(wholeLines(data, cut), secrets)
		if len(v.VMArgs) == maxLines {
			d.add("%s: only the first %d lines are recorded", path, maxLines)
		}
	}
}

// parseVMArgs returns the lines of a vm.args without empty lines and comments.
func parseVMArgs(text string, secrets Secrets) []string {
	text, _ = secrets.redactText(text)
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && len(lines) < maxLines {
			lines = append(lines, line)
		}
	}
	return lines
}

// firstProcess returns the name of process 1 in the PID namespace of pid, and whether it ignores SIGTERM. It searches all
// processes: in a pod that shares its process namespace, process 1 is no ancestor of the BEAM.
func (fs FS) firstProcess(pid int) (name string, deaf bool, err error) {
	ns, err := os.Readlink(fs.path(pid, "ns/pid"))
	if err != nil {
		return "", false, err
	}
	all, err := os.ReadDir(string(fs))
	if err != nil {
		return "", false, err
	}
	for _, e := range all {
		other, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if its, gone := os.Readlink(fs.path(other, "ns/pid")); gone != nil || its != ns {
			continue
		}
		status, _, err := fs.readFile(other, "status", maxStatus)
		if err != nil || parseNSPID(string(status)) != 1 {
			continue
		}
		if p, alive := fs.Process(other); alive {
			return p.Name, ignoresTerm(string(status)), nil
		}
	}
	return "", false, fmt.Errorf("not found among the %d entries of /proc", len(all))
}

// problems collects what could not be read.
type problems struct{ all []string }

func (d *problems) add(format string, args ...any) {
	d.all = append(d.all, fmt.Sprintf(format, args...))
}

// check adds the problems of reading a file, and reports whether there is data to parse.
func (d *problems) check(what string, cut bool, err error) bool {
	switch {
	case err != nil:
		d.add("%s: %v", what, err)
	case cut:
		d.add("%s is too long and was cut off", what)
	}
	return err == nil
}

// String is all problems in one line.
func (d *problems) String() string { return strings.Join(d.all, "; ") }
