package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/issuer"
)

type sandboxCmd struct {
	Addr    string `help:"Where to listen." default:"127.0.0.1:12111"`
	DataDir string `help:"Where to keep the state; by default in memory." type:"path"`
}

// Run runs the local Stripe alone.
func (s sandboxCmd) Run(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if s.DataDir != "" {
		unlock, err := takeDataDir(s.DataDir)
		if err != nil {
			return err
		}
		defer func() { _ = unlock() }()
	}
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	world, err := sandbox.New(sandbox.Options{DataDir: s.DataDir, Logger: log})
	if err != nil {
		l.Close()
		return err
	}
	fmt.Printf(
		"A local Stripe listens at http://%s (API 2023-10-16), in a browser its control panel. Any sk_test_ key opens it.\n",
		l.Addr(),
	)
	defer context.AfterFunc(ctx, world.EndStreams)()
	elsewhere := issuer.New("http://" + l.Addr().String())
	return errors.Join(serveHTTP(ctx, l, elsewhere.Beside(world.Handler()), log), world.Close())
}
