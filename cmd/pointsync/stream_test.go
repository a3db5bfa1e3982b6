package main

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
)

// followSession opens a stream of a session. It returns a function that waits until the stream has sent a text.
func followSession(t *testing.T, server, token string) (hears func(want string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/session/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream, answered %d, ended without %s: %v", resp.StatusCode, want, lines.Err())
	}
}

// wantStream proves that a stream at one replica reports what another spends.
func wantStream(t *testing.T, d *demo, other string) (hears func(want string)) {
	t.Helper()
	hears = followSession(t, other, d.token)
	hears(`"available":45`)
	if err := d.guard(
		func() { d.call(200, http.MethodPost, "/points/spend", map[string]any{"amount": 5}) },
	); err != nil {
		t.Fatal(err)
	}
	hears(`"available":40`)
	return hears
}
