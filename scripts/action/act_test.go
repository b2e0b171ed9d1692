package action_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inAct uses the action as act, another program that executes workflows, understands it. What act cannot show: it drops inputs that are not
// declared, where GitHub's runner keeps them.
const inAct = `
on: push
jobs:
  action:
    runs-on: here
    steps:
      - uses: actions/checkout@0000000000000000000000000000000000000000
      - id: one
        uses: ./
        continue-on-error: true
        with: {profile: nowhere.yaml, version: source}
      - id: two
        uses: ./
        continue-on-error: true
        with: {fail-on: never}
      - env:
          ONE: ${{ steps.one.outcome }} ${{ steps.one.outputs.verdict }} ${{ steps.one.outputs.exit-code }} ${{ steps.one.outputs.report }}
          TWO: ${{ steps.two.outcome }} ${{ steps.two.outputs.verdict }} ${{ steps.two.outputs.exit-code }} ${{ steps.two.outputs.report }}
        run: echo "RESULT $ONE, $TWO"
`

// Our own runner and act come to the same outputs. The actions of others are stubs.
func TestTheActionByAct(t *testing.T) {
	act, err := exec.LookPath("act")
	if err != nil {
		t.Skip("act is not installed (go install github.com/nektos/act@v0.2.89)")
	}
	dir := t.TempDir()
	flow := filepath.Join(dir, "flow.yml")
	if err = os.WriteFile(flow, []byte(inAct), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"push", "--workflows", flow, "--platform", "here=-self-hosted", "--action-offline-mode"}
	uses := []string{"actions/checkout@0000000000000000000000000000000000000000"}
	for _, s := range load[compositeAction](t, "action.yml").Runs.Steps {
		if s.Uses != "" {
			uses = append(uses, s.Uses)
		}
	}
	for _, name := range uses {
		args = append(args, "--local-repository", name+"="+stubOf(t, name))
	}
	c := exec.CommandContext(t.Context(), act, args...)
	c.Dir = root
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "RESULT failure usage 64 /") || !strings.Contains(string(out), "report.json, failure usage 64 \n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// stubOf is a repository with an action that does nothing.
func stubOf(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	text := "name: " + name + "\ndescription: stub\nruns: {using: composite, steps: [{shell: bash, run: 'true'}]}\n"
	if err := os.WriteFile(filepath.Join(dir, "action.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=stub", "-c", "user.email=stub@example.invalid", "commit", "-qm", "stub"}} {
		c := exec.CommandContext(t.Context(), "git", args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	return dir
}
