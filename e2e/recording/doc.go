// Package recording is the file format between observing and judging: what observers saw, with times, as JSON lines. Everything
// that touches a cluster writes events; everything that judges reads them.
//
// In: events from observers. Out: a file whose first line is a [Header] and whose further lines are [Event]s.
// The package imports nothing of ours, makes no decisions and contains no secret: cookies are called A, B … in it,
// and there is no field for a cookie, a digest or a challenge.
package recording
