package erldist_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
)

// A SYN without an answer: the backlog of a listener that accepts no connection is full.
func TestNoAnswerToTheSYN(t *testing.T) {
	t.Parallel()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err = errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in4, ok := sa.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("a socket's name is %T", sa)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", in4.Port)
	for range 10 {
		if c, err := dial(within(t, 100*time.Millisecond), "tcp", addr); err == nil {
			defer c.Close() // it must fill the backlog until the end of the test
			continue
		}
		_, err := erldist.Challenge(within(t, 200*time.Millisecond), dial, addr)
		check(t, "challenge", time.Now(), err, erldist.Timeout)
		return
	}
	t.Skip("this kernel takes ten connections with a backlog of none: a filtered port cannot be shown")
}
