package options

import (
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/target"
)

func TestDeclaration(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range All() {
		for _, name := range []string{"make " + o.Make, "--" + o.Flag, "-" + o.Short, "suite -" + o.Suite} {
			if !strings.HasSuffix(name, " ") && !strings.HasSuffix(name, "-") && seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if o.Help == "" || o.Make == "" && o.Flag == "" || o.Short != "" && o.Flag == "" {
			t.Errorf("%+v says too little", o)
		}
		if isFlag := o.Flag != "" || o.Suite != ""; isFlag != (o.set != nil) {
			t.Errorf("%+v: a flag, and only a flag, sets something", o)
		} else if isFlag && o.Default != "" {
			if err := o.set(&Values{}, o.Default); err != nil {
				t.Errorf("%s: its own default is refused: %v", o.Flag, err)
			}
		}
	}
}

// parsed reads the arguments as flags.
func parsed(args ...string) (*Values, error) {
	var v Values
	f := flag.NewFlagSet("test", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	for _, o := range All() {
		if o.Flag != "" {
			f.Var(o.Value(&v), o.Flag, o.Help)
		}
	}
	return &v, f.Parse(args)
}

func TestFlagsSetTheOptions(t *testing.T) {
	v, err := parsed()
	if err != nil || !slices.Equal(v.Profiles, []string{"dns-a"}) || v.Nodes != 1 || v.Keep || v.Verbose {
		t.Errorf("the defaults are %+v", v)
	}
	v, err = parsed(strings.Fields("--file a,b --file c --otp 29 --k8s 1.36 --nodes 3 --ip dual --keep --context prod --kubeconfig k --namespace shop --print-rbac --scenarios recovery --scenarios console --seed 5 --pods 7 --repeat 50 --verbose")...)
	if err != nil || !slices.Equal(v.Profiles, []string{"a", "b", "c"}) || v.OTP != "29" || v.K8S != "1.36" || v.Nodes != 3 || v.IP != target.Dual || !v.Keep || v.Context != "prod" || v.Namespace != "shop" || !v.RBAC ||
		v.Kubeconfig != "k" || !slices.Equal(v.Scenarios, []scenario.Name{"recovery", "console"}) || v.Seed != 5 || v.Pods != 7 || v.Repeat != 50 || !v.Verbose {
		t.Errorf("%v: %+v", err, v)
	}
}

func TestBadValuesAreRefused(t *testing.T) {
	for arg, says := range map[string]string{
		"--nodes=-1": "it must be a number from 1 to 20", "--nodes=0": "from 1 to 20", "--nodes=21": "from 1 to 20", "--nodes=two": "it must be a number", "--ip=5": "it must be 4, 6 or dual", "--ip=": "it must be 4, 6 or dual",
		"--repeat=1": "from 2 to 1000", "--repeat=1001": "from 2 to 1000", "--repeat=x": "it must be a number",
		"--pods=-1": "from 1 to 1000", "--pods=0": "from 1 to 1000", "--seed=x": "it must be a number from 0 to 9223372036854775807", "--seed=-1": "it must be a number from 0 to",
		"--otp=abc": "it must be one of 25, 27, 29", "--otp=": "it must be one of", "--k8s=abc": "it must be a version such as 1.37", "--k8s=1": "it must be a version", "--k8s=": "it must be a version",
		"--namespace=": "the name of a namespace", "--namespace=Shop": "the name of a namespace", "--namespace=a/b": "the name of a namespace", "--context=": "it must not be empty", "--kubeconfig=": "it must not be empty", "--scenarios=": "no scenario is named", "--scenarios=,": "no scenario is named", "--scenarios=recovry": "unknown scenario \"recovry\"", "--keep=perhaps": "it must be 1 or 0", "--file=": "no profile is named", "--file=,": "no profile is named",
		"--push=team/meshproof": "must begin with the registry's host", "--push=": "must begin with the registry's host", "--pull-secret=": "it must not be empty",
	} {
		if _, err := parsed(arg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", arg, err)
		}
	}
	for arg, keep := range map[string]bool{"--keep": true, "--keep=1": true, "--keep=yes": true, "--keep=": false, "--keep=0": false, "--keep=no": false} {
		if v, err := parsed(arg); err != nil || v.Keep != keep {
			t.Errorf("%s: %v, %v", arg, v.Keep, err)
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Setenv("INSTALL", "0")
	t.Setenv("ENGINE", "podman")
	if v := FromEnvironment(); !v.NoInstall || v.Engine != "podman" {
		t.Errorf("%+v", v)
	}
	t.Setenv("INSTALL", "")
	t.Setenv("ENGINE", "")
	if v := FromEnvironment(); v.NoInstall || v.Engine != "" {
		t.Errorf("%+v", v)
	}
}

// The Makefile says the same as the declaration: what make help prints, the defaults, and what is passed on.
func TestMakefile(t *testing.T) {
	data, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	var block strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#: ") {
			block.WriteString(line)
		}
	}
	if block.String() != makeHelp() {
		t.Errorf("the Makefile's block of parameters is to be\n%s\nand is\n%s", makeHelp(), block.String())
	}
	for _, o := range All() {
		if o.Make == "" {
			continue
		}
		// A default is the program's own where make passes on only what was said.
		if o.Default != "" && !strings.Contains(text, "$${"+o.Make+":+") && !strings.Contains(text, "\n"+o.Make+" ?= "+o.Default+"\n") {
			t.Errorf("the Makefile's default of %s is not %s", o.Make, o.Default)
		}
		if value := `"$$` + o.Make + `"`; o.Suite != "" && !strings.Contains(text, "-"+o.Suite+" "+value) && !strings.Contains(text, "-"+o.Suite+"="+value) {
			t.Errorf("the Makefile does not pass %s on to the suite", o.Make)
		} else if o.Flag != "" && o.Kind != List && !strings.Contains(text, "--"+o.Flag+" "+value) && !strings.Contains(text, "--"+o.Flag+"="+value) {
			t.Errorf("the Makefile does not pass %s on to the meshproof binary", o.Make)
		}
	}
}

func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "\n\n"+table()+"\n") {
		t.Errorf("the README's table of parameters is to be\n%s", table())
	}
}
