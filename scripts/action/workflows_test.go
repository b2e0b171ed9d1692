package action_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/scripts"
)

// stub writes a program that notes its arguments, and those of our variables that are set, and ends with code.
func stub(t *testing.T, bin, name, code string) (log string) {
	t.Helper()
	log = filepath.Join(bin, name+".log")
	script := "#!/bin/sh\necho \"$@ OTP=$OTP K8S=$K8S PROFILE=$PROFILE FUZZTIME=$FUZZTIME\" >>'" + log + "'\nexit " + code + "\n"
	if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return log
}

// Each step of each job is executed, with each combination of the job's matrix. Only make (minutes, and a cluster), sudo and gh are
// replaced, by programs that note how they were called; that make has such a target, and takes such values, is asked of make itself.
func TestWorkflowSteps(t *testing.T) {
	for file, w := range workflows(t) {
		for id, j := range w.Jobs {
			for _, c := range j.combinations(t) {
				matrix := map[string]any{}
				for key := range j.Strategy.Matrix {
					matrix[key] = ""
				}
				for k, v := range c {
					matrix[k] = v
				}
				for _, code := range []string{"0", "2"} {
					t.Run(strings.Join([]string{filepath.Base(file), id, strings.Join(values(c), " "), code}, "/"), func(t *testing.T) {
						executeJob(t, j, matrix, code)
					})
				}
			}
		}
	}
}

func values(c map[string]string) (all []string) {
	for _, k := range []string{"target", "otp", "kubernetes", "profile"} {
		if c[k] != "" {
			all = append(all, c[k])
		}
	}
	return all
}

func executeJob(t *testing.T, j job, matrix map[string]any, code string) {
	bin := t.TempDir()
	made := stub(t, bin, "make", code)
	stub(t, bin, "sudo", "0")
	released := stub(t, bin, "gh", "0")
	r := newRunner(t, checkout(t), contexts{"matrix": matrix, "github": map[string]any{"ref_name": "v1.2.3", "token": "t0ken"}})
	r.path = bin + ":" + r.path
	r.env["HOME"] = r.dir
	for k, v := range r.texts(j.Env) {
		r.env[k] = v
	}
	r.text(j.Name)
	r.do(j.Steps, func(s step) (map[string]string, bool) {
		if s.Uses != "./" {
			return nil, false
		}
		// The action itself has its own test.
		if _, unknown := s.With["profil"]; unknown {
			return map[string]string{"verdict": "usage", "exit-code": "64"}, true
		}
		return map[string]string{"verdict": "ok", "exit-code": "0"}, false
	})
	called, _ := os.ReadFile(made)
	if len(called) == 0 {
		if r.failed {
			t.Errorf("it failed:\n%s", r.log)
		}
		return
	}
	if r.failed != (code != "0") {
		t.Errorf("make ends with %s; failed: %t\n%s", code, r.failed, r.log)
	}
	if _, err := os.Stat(released); err == nil && code != "0" {
		t.Errorf("released, and make ended with %s", code)
	}
	uploads := slices.ContainsFunc(r.uses, func(s step) bool { return strings.HasPrefix(s.Uses, "actions/upload-artifact@") })
	for _, line := range strings.Split(strings.TrimSpace(string(called)), "\n") {
		targets, set, _ := strings.Cut(line, " OTP=")
		if cluster := strings.Contains(targets, "e2e") || strings.Contains(targets, "profiles"); cluster && !uploads {
			t.Errorf("make %s has results, and they are not uploaded where it ends with %s", targets, code)
		}
		makeKnows(t, strings.Fields(targets))
		takes(t, "OTP="+set)
	}
}

// checkout is a workspace with our scripts, and with what make would have made of a release.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	from, err := filepath.Abs(filepath.Join(root, "scripts"))
	if err == nil {
		err = os.Symlink(from, filepath.Join(dir, "scripts"))
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "dist"), 0o755)
	}
	for name, text := range map[string]string{"CHANGELOG.md": "## [1.2.3]\n\nnew\n", "dist/meshproof_1.2.3_linux_amd64.tar.gz": "", "dist/checksums.txt": ""} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// makeKnows asks make whether there are such targets.
func makeKnows(t *testing.T, targets []string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "make", append([]string{"--dry-run", "-C", root}, targets...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("make %s: %v\n%s", targets, err, out)
	}
}

var variable = regexp.MustCompile(`(OTP|K8S|PROFILE|FUZZTIME)=(\S*)`)

// takes compares values with what there is: releases and versions among the pins, profiles among the fixtures.
func takes(t *testing.T, set string) {
	t.Helper()
	pins, err := scripts.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range variable.FindAllStringSubmatch(set, -1) {
		name, value := m[1], m[2]
		known := true
		switch {
		case value == "" || name == "FUZZTIME":
		case name == "OTP":
			known = slices.Contains(pins.Releases(), value)
		case name == "K8S":
			known = strings.HasPrefix(pins["K8S"], "v"+value+".") || pins["NODE_IMAGE_"+strings.ReplaceAll(value, ".", "_")] != ""
		case name == "PROFILE":
			for p := range strings.SplitSeq(value, ",") {
				_, err := os.Stat(filepath.Join(root, "fixtures/profiles", p, "profile.yaml"))
				known = known && err == nil
			}
		}
		if !known {
			t.Errorf("%s=%s: there is none", name, value)
		}
	}
}

// What GitHub would accept as a new combination, or drop without a word, is seen here.
func TestTheMatrix(t *testing.T) {
	var got []string
	for _, c := range workflows(t)[".github/workflows/e2e.yml"].Jobs["mesh"].combinations(t) {
		got = append(got, strings.Join(values(c), " "))
	}
	slices.Sort(got)
	want := []string{
		"25 1.35 dns-a", "25 1.37 dns-a", "27 1.35 dns-a", "27 1.36 dns-a", "27 1.37 dns-a", "27 1.37 dns-srv,chain",
		"27 1.37 epmdless,tls", "27 1.37 kube-api", "27 1.37 static,hosts-file,sync-nodes", "29 1.37 dns-a",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
