// Package storetest gives tests real databases. It owns how they are created and removed, and what tests that use them
// share: a clock, accounts, rows, waiting, and a wire to cut. It never skips a database that it cannot find: the test
// fails.
package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

// emptyPostgres returns the URL of a fresh, empty database on PostgreSQL, which is dropped when the test ends. The
// first call in a process finds or starts the server. Without a server the test fails. It never skips.
func emptyPostgres(t testing.TB) (url string) {
	t.Helper()
	return startedServer(t).create(t, "")
}

// clonePostgres returns the URL of a fresh clone of a database that migrate has prepared. migrate runs once per
// process and name. A clone takes a fraction of the time.
func clonePostgres(t testing.TB, name string, migrate func(url string) error) (url string) {
	t.Helper()
	s := startedServer(t)
	template, err := s.template(name, migrate)
	if err != nil {
		t.Fatalf("prepare the template database %q: %v", name, err)
	}
	return s.create(t, template)
}

func startedServer(t testing.TB) *databases {
	t.Helper()
	s, err := startOnce()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// startOnce starts a server that nothing stops at the end of the process. The server ends with its starter.
var startOnce = sync.OnceValues(func() (*databases, error) {
	ctx := context.Background()
	server, err := pgserver.Start(ctx)
	if err != nil {
		return nil, err
	}
	return openDatabases(ctx, server.URL)
})
