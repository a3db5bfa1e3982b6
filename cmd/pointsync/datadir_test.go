package main

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOneProcessForDataDir proves that only one process uses a state folder. A second `dev` is refused with the first
// one's pid, and so is a sandbox in the folder where dev keeps its sandbox. After the first process has ended, or was
// killed, the folder is free.
func TestOneProcessForDataDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := dev(t, dir, "127.0.0.1:0")
	again := devCmd{Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: dir, Catalog: catalogPath(t)}
	_, err := startDev(context.Background(), again, slog.New(slog.DiscardHandler))
	refused(t, err, os.Getpid())
	refused(t, sandboxCmd{Addr: "127.0.0.1:0", DataDir: filepath.Join(dir, "sandbox")}.Run(t.Context()), os.Getpid())
	first.stop()
	if err := first.wait(); err != nil {
		t.Fatal(err)
	}
	dev(t, dir, "127.0.0.1:0")

	alone := t.TempDir()
	other := program{t: t}.command("sandbox", "--addr", "127.0.0.1:0", "--data-dir", alone)
	said, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	refused(t, sandboxCmd{Addr: "127.0.0.1:0", DataDir: alone}.Run(t.Context()), other.Process.Pid)
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed
	unlock, err := takeDataDir(alone)
	if err != nil {
		t.Fatalf("after its owner was killed: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func refused(t *testing.T, err error, pid int) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "process "+strconv.Itoa(pid)) {
		t.Errorf("got %v, want a refusal that names the process %d", err, pid)
	}
}

// TestDevByOtherNames proves that you can buy in `dev` whichever name of this machine you write in the browser. A page
// of that origin may call the API, and the customer may be sent back there.
func TestDevByOtherNames(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	d := client(t, s.url, s.sandboxURL)
	err = d.guard(func() {
		d.begin()
		for _, origin := range []string{s.url, "http://localhost:" + u.Port(), "http://[::1]:" + u.Port()} {
			made := d.call(
				http.StatusCreated, http.MethodPost, "/checkout",
				map[string]any{
					"item": "pack_100", "success_url": origin + "/?order_id={ORDER_ID}",
					"cancel_url": origin + "/?cancelled=1",
				},
			)
			d.expect(made.text("url") != "", "a page for %s", origin)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/catalog", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", origin)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			d.expect(resp.Header.Get("Access-Control-Allow-Origin") == origin, "a page of %s may call", origin)
		}
		d.call(
			http.StatusBadRequest, http.MethodPost, "/checkout",
			map[string]any{"item": "pack_100", "success_url": "http://app.example.com/"},
		)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDevAllowOrigin proves that `dev` lets in the web apps of this machine and of the origins that it is given, with
// PUT and DELETE, and no others. An invalid origin is refused before anything starts.
func TestDevAllowOrigin(t *testing.T) {
	t.Parallel()
	app := "https://app.example.com"
	cmd := devCmd{Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: t.TempDir(), Catalog: catalogPath(t)}
	cmd.AllowOrigin = []string{app}
	s, err := startDev(context.Background(), cmd, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(); _ = s.wait() })
	in := []string{s.url, app, "http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:4200"}
	others := []string{"http://app.example.com", "http://192.168.0.7:5173", "http://localhost.example:80"}
	for _, origin := range slices.Concat(in, others) {
		want := ""
		if slices.Contains(in, origin) {
			want = origin
		}
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.url+"/points/top-up", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", origin)
			req.Header.Set("Access-Control-Request-Method", method)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("a page of %s is let in as %q with %s, want %q", origin, got, method, want)
			}
		}
	}
	for _, bad := range []string{
		"localhost:5173", "http://localhost:5173/", "*", "http://localhost:99999", "ftp://localhost",
	} {
		cmd.DataDir, cmd.AllowOrigin = t.TempDir(), []string{app, bad}
		if s, err := startDev(context.Background(), cmd, slog.New(slog.DiscardHandler)); err == nil {
			s.stop()
			t.Errorf("%q is taken as an origin: %v", bad, s.wait())
		} else if !strings.Contains(err.Error(), "--allow-origin") {
			t.Errorf("%q: %v, want a refusal that names the flag", bad, err)
		}
	}
}
