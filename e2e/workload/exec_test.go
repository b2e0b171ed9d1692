package workload

import "testing"

func TestAProgramThatIsNotThere(t *testing.T) {
	for said, want := range map[string]bool{
		`Internal error occurred: failed to exec in container: OCI runtime exec failed: unable to start container process: exec: "/opt/nothing": stat /opt/nothing: no such file or directory: unknown`: true,
		`OCI runtime exec failed: exec failed: unable to start container process: exec: "nothing": executable file not found in $PATH: unknown`:                                                         true,
		"command terminated: executable file `nothing` not found in $PATH: No such file or directory":                                                                                                   true,
		`unable to start container process: exec: "/opt/data": permission denied`:                                                                                                                       true,
		`pods "shop-1" not found`:                   false,
		`container not found ("shop")`:              false,
		"unable to upgrade connection: i/o timeout": false,
		`failed to exec in container: failed to load task: no running task found: task abc not found`: false,
	} {
		if got := notThere.MatchString(said); got != want {
			t.Errorf("%s: %v", said, got)
		}
	}
}
