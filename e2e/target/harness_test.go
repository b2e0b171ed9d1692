package target

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"meshproof.dev/meshproof/e2e/engine"
)

// harnessEnv holds the options of a harness process that a cluster test starts in order to kill it.
const harnessEnv = "MESHPROOF_TARGET_HARNESS"

type harnessOptions struct {
	Engine    string
	EngineEnv []string
	Options   Options
}

// asHarness makes the cluster it was asked for, says "up" or the error, and waits for its death.
func asHarness() {
	text := os.Getenv(harnessEnv)
	if text == "" {
		return
	}
	_ = os.Unsetenv(harnessEnv)
	var h harnessOptions
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	h.Options.Engine = engine.New(h.Engine, h.EngineEnv)
	if _, err := Kind(context.Background(), h.Options); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("up")
	select {}
}
