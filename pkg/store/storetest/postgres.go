// Package storetest gives tests real databases. It owns their making and their disappearance, and what a test of more
// than one database shares; it never skips a database that it cannot find, it fails.
package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

// Postgres answers the URL of a fresh, empty database on PostgreSQL, which is dropped when the test ends. The first
// call of a process finds or starts the server. Without one the test fails: it never skips.
func Postgres(t testing.TB) (url string) {
	t.Helper()
	return startedServer(t).create(t, "")
}

// PostgresTemplate answers the URL of a fresh clone of a database that migrate has prepared. migrate runs once per
// process and name; a clone costs a fraction of it.
func PostgresTemplate(t testing.TB, name string, migrate func(url string) error) (url string) {
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

// startOnce has nobody to stop the server at the end of the process, and needs nobody: it ends with its starter.
var startOnce = sync.OnceValues(func() (*databases, error) {
	ctx := context.Background()
	server, err := pgserver.Start(ctx)
	if err != nil {
		return nil, err
	}
	return openDatabases(ctx, server.URL)
})
