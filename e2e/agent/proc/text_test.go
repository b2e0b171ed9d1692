package proc

import (
	"slices"
	"testing"
)

// What cat shows of processes in a container.
func TestTextOfProcesses(t *testing.T) {
	const beam = "Name:\tbeam.smp\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t17\nPPid:\t1\nNSpid:\t17\nSigBlk:\t0000000000000000\nSigCgt:\t0000000180004a02\n"
	const shell = "Name:\tsh\nState:\tS (sleeping)\nPid:\t1\nNSpid:\t1\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000010002\n"
	if s, ok := ParseStatus(beam); !ok || !s.VM() || s.NSPID != 17 || s.IgnoresTerm {
		t.Errorf("%+v, %v", s, ok)
	}
	if s, ok := ParseStatus(shell); !ok || s.VM() || s.NSPID != 1 || !s.IgnoresTerm {
		t.Errorf("%+v, %v", s, ok)
	}
	if s, ok := ParseStatus("cat: can't open"); ok {
		t.Errorf("%+v", s)
	}
	got := Args([]byte("/opt/beam.smp\x00-name\x00derl@10.0.0.1\x00-setcookie\x00a-secret\x00-epmd_port\x00-1\x00"), NewSecrets([]byte("a-secret"), ""))
	if want := []string{"-name", "derl@10.0.0.1", "-setcookie", mask, "-epmd_port", "-1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
