package server

import (
	"context"
	"encoding/json"
	"net/http"

	"meshproof.dev/meshproof/e2e/agent"
)

// maxFaults bounds a request for faults: some hundred rules.
const maxFaults = 256 << 10

// WithFaults adds to the API what it takes to have faults.
//
//	PUT /v1/faults         the faults that a holder wants from now on; answers what became of each
func WithFaults(rest http.Handler, set func(context.Context, agent.Faults) []agent.Bite) http.Handler {
	m := http.NewServeMux()
	m.Handle("/", rest)
	m.HandleFunc("PUT /v1/faults", func(w http.ResponseWriter, r *http.Request) {
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFaults))
		d.DisallowUnknownFields()
		var f agent.Faults
		err := d.Decode(&f)
		if err == nil {
			err = f.Check()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply(w, set(r.Context(), f))
	})
	return m
}
