package server

import (
	"encoding/json"
	"net/http"

	"meshproof.dev/meshproof/e2e/agent"
)

// WithKill adds the killing of a VM or of epmd to the API.
//
//	POST /v1/kill          kills the VM or the epmd of a pod (agent.Kill), which must be in a session's plan
func WithKill(rest http.Handler, sessions *Sessions, kill func(agent.Kill) error) http.Handler {
	m := http.NewServeMux()
	m.Handle("/", rest)
	m.HandleFunc("POST /v1/kill", func(w http.ResponseWriter, r *http.Request) {
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
		d.DisallowUnknownFields()
		var k agent.Kill
		err := d.Decode(&k)
		if err == nil {
			err = k.Check()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err = sessions.AwaitPod(r.Context(), k.Pod); err == nil {
			err = kill(k)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return m
}
