package server

import (
	"net/http"

	"meshproof.dev/meshproof/e2e/agent"
)

// WithToken lets only requests through that have the run's token. All others get the same answer, whatever they ask for.
func WithToken(rest http.Handler, gate agent.Gate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !gate.Admits(r.Header.Get("Authorization")) {
			http.Error(w, "this agent serves only the run that has started it", http.StatusUnauthorized)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
