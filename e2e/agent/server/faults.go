package server

import (
	"context"
	"encoding/json"
	"net/http"

	"meshproof.dev/meshproof/e2e/agent"
)

// maxFaults limits the size of a request for faults: some hundred rules.
const maxFaults = 256 << 10

// WithFaults adds faults to the API.
//
//	PUT /v1/faults         replaces the faults of a holder; the answer is the status of each rule, then of each healed one
func WithFaults(rest http.Handler, set func(context.Context, agent.Faults) []agent.RuleStatus) http.Handler {
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
