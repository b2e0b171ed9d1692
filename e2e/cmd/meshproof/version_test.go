package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/version"
)

// The program is linked with the line of the Makefile: a variable that has moved would stay "unknown" without an error.
func TestVersionOfALinkedProgram(t *testing.T) {
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`-X (\S+)=\$\(shell git describe`).FindSubmatch(makefile)
	if variable == nil {
		t.Fatal("the Makefile does not say what it links")
	}
	bin := filepath.Join(t.TempDir(), "meshproof")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X "+string(variable[1])+"=v9-8-gabc", "-o", bin, ".")
	said, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	out, err := exec.CommandContext(t.Context(), bin, "version", "-o", "json").Output()
	var v version.Info
	if err != nil || json.Unmarshal(out, &v) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pins, err := os.ReadFile("../../../scripts/versions.env")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"K8S": v.Kubernetes, "OTP": v.OTP, "KIND": v.Kind} {
		if !strings.Contains(string(pins), "\n"+key+"="+value+"\n") {
			t.Errorf("%s is %q, which versions.env does not say", key, value)
		}
	}
	if v.Meshproof != "v9-8-gabc" || !strings.HasPrefix(v.Go, "go1.") || v.Recording != recording.Format {
		t.Errorf("%+v", v)
	}
}

func TestVersionForAPerson(t *testing.T) {
	out, code, err := meshproof(t, "version")
	if err != nil || code != exitcode.OK {
		t.Fatal(code, err)
	}
	for _, want := range []string{"meshproof   unknown\n", "Go          go1.", "Kubernetes  v1.", "Erlang/OTP  2", "recordings  " + recording.Format + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if _, code, err := meshproof(t, "version", "-o", "xml"); code != exitcode.Usage || err == nil {
		t.Errorf("-o xml: %d, %v", code, err)
	}
}
