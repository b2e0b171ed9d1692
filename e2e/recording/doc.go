// Package recording is the hinge of meshproof: what observers saw, with times, as JSON lines. Everything that
// touches a cluster ends in events written here; everything that judges begins with events read here.
//
// In: events from observers. Out: a file whose first line is a [Header] and whose further lines are [Event]s.
// The package imports nothing of ours, takes no decisions and holds no secret: cookies are called A, B … in it,
// and neither a cookie nor a digest or challenge has a field to stand in.
package recording
