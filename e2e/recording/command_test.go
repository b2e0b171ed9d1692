package recording_test

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/recording"
)

func TestOfCommand(t *testing.T) {
	for line, want := range map[string]bool{
		"-name ejabberd@ejabberd-0.ejabberd.shop.svc -s ejabberd -noinput":                              false,
		"-name undefined@ejabberd-0.ejabberd.shop.svc -hidden -s ejabberd_ctl -extra ejabberd@x status": true,
		"-sname undefined -hidden": true,
		"-name shop@10.0.0.1 -boot /opt/shop/releases/0.1.0/start -extra --no-halt":              false,
		"-name rpc-1a2b-shop@10.0.0.1 -hidden -extra --rpc-eval shop@10.0.0.1 System.stop()":     true,
		"-name rem-1a2b-shop@10.0.0.1 -hidden -user Elixir.IEx.CLI -extra --remsh shop@10.0.0.1": true,
		"-name c@10.0.0.1 -remsh derl@10.0.0.1":                                                  true,
		"-V -- -root /usr/lib/erlang":                                                            true,
		"-noshell -extra derl":                                                                   false,
		"-name undefinedness@10.0.0.1":                                                           false,
	} {
		if got := (&recording.VM{Args: strings.Fields(line)}).OfCommand(); got != want {
			t.Errorf("%s: %t", line, got)
		}
	}
}
