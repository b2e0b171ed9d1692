package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What docker-daemon.sh starts is tried by make nightly; here is what it refuses.
func TestDockerDaemonRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		user string // what id prints
		code int
		says string
	}{
		"no command":              {nil, "0", 64, "usage: docker-daemon.sh start"},
		"another command":         {[]string{"restart"}, "0", 64, "usage: docker-daemon.sh start"},
		"start by another user":   {[]string{"start"}, "1000", 69, "only root can mount the daemon's file system"},
		"run by another user":     {[]string{"run", "true"}, "1000", 69, "only root can mount the daemon's file system"},
		"status without daemon":   {[]string{"status"}, "0", 1, "not running"},
		"stop without daemon":     {[]string{"stop"}, "1000", 0, ""},
		"start on another system": {[]string{"start"}, "0", 69, "is not a Debian"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for program, text := range map[string]string{"id": "echo " + c.user, "sed": "echo elsewhere"} {
				if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("./docker-daemon.sh", c.args...)
			cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+dir)
			out, err := cmd.CombinedOutput()
			code := 0
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != c.code || !strings.Contains(string(out), c.says) {
				t.Errorf("exit %d, said %q", code, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "meshproof/docker-daemon")); err == nil {
				t.Error("it has unpacked a root file system")
			}
		})
	}
}
