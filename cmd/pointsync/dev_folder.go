package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// target is what a command works on: what the environment names, or the data folder of a `dev`.
type target struct {
	Dev devFolder `help:"Work on the data folder of pointsync dev, running or not, instead of what the environment names: --dev for .pointsync, or --dev=FOLDER." placeholder:"FOLDER"`
}

// devFolder is the value of --dev: a data folder, or "" without the flag.
type devFolder string

// defaultDevFolder is where `dev` keeps its state unless told otherwise.
const defaultDevFolder = ".pointsync"

// IsBool lets kong take the flag without a value.
func (devFolder) IsBool() bool { return true }

// Decode reads --dev or --dev=FOLDER.
func (f *devFolder) Decode(ctx *kong.DecodeContext) error {
	*f = defaultDevFolder
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	folder := ctx.Scan.Pop().String()
	if folder == "" {
		return errors.New("name a folder after --dev=, or leave out the =")
	}
	*f = devFolder(kong.ExpandPath(folder))
	return nil
}

// load returns the configuration of the target. The parts matter for the environment alone: a dev folder has them all.
// release ends what load started; call it when the command is done.
func (t target) load(ctx context.Context, parts ...config.Part) (c config.Config, release func() error, err error) {
	if t.Dev != "" {
		return t.Dev.load(ctx)
	}
	c, err = config.Load(parts...)
	return c, func() error { return nil }, err
}

// open opens the target's database. closeAll closes it, and ends what else was started.
func (t target) open(ctx context.Context) (_ *store.DB, closeAll func() error, err error) {
	c, release, err := t.load(ctx, config.Database)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now
	if t.Dev != "" {
		if now, err = clockOf(ctx, c, slog.New(slog.DiscardHandler)); err != nil {
			return nil, nil, errors.Join(err, release())
		}
	}
	db, err := openStore(ctx, c, now, false)
	if err != nil {
		return nil, nil, errors.Join(err, release())
	}
	return db, func() error { return errors.Join(db.Close(), release()) }, nil
}

// atStripe is what a command needs to work with Stripe and the database.
type atStripe struct {
	config  config.Config
	db      *store.DB
	gateway *stripegw.Gateway
	close   func() error // closes the database, and ends what else was started
}

// openWithStripe opens the target's database and a gateway to its Stripe.
func (t target) openWithStripe(ctx context.Context, log *slog.Logger) (at atStripe, err error) {
	c, release, err := t.load(ctx, config.Database, config.Stripe)
	if err != nil {
		return at, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, release())
		}
	}()
	now, err := clockOf(ctx, c, log)
	if err != nil {
		return at, err
	}
	gateway, err := newGateway(c, now, nil, log)
	if err != nil {
		return at, err
	}
	db, err := openStore(ctx, c, now, false)
	if err != nil {
		return at, err
	}
	return atStripe{c, db, gateway, func() error { return errors.Join(db.Close(), release()) }}, nil
}

// catalogOf returns the catalogue that a configuration names. Only that of a `dev` may name none, for the built-in one.
func catalogOf(c config.Config) (*catalog.Catalog, error) {
	if c.Catalog == "" {
		return catalog.Default(), nil
	}
	items, err := catalog.Load(c.Catalog)
	if err != nil {
		return nil, fmt.Errorf("POINTSYNC_CATALOG: %w", err)
	}
	return items, nil
}

// devNotes are what a `dev` writes into its folder about itself, for other commands.
type devNotes struct {
	PID        int    `json:"pid"`
	URL        string `json:"url"`
	SandboxURL string `json:"sandbox_url"`
	Catalog    string `json:"catalog"` // the file, or "" for the built-in one
}

// devNotesFile is their file. It stays when `dev` ends.
const devNotesFile = "dev.json"

// write writes the notes.
func (n devNotes) write(dir string) error {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, devNotesFile), append(b, '\n'), 0o600)
}

// load returns the configuration of the `dev` of this folder. If it runs, its local Stripe is used. If not, the local
// Stripe is started for as long as the command needs it.
func (f devFolder) load(ctx context.Context) (config.Config, func() error, error) {
	dir := string(f)
	if _, err := os.Stat(filepath.Join(dir, "pointsync.db")); err != nil {
		return config.Config{}, nil, fmt.Errorf(
			"--dev: there is no state of pointsync dev in %s: run pointsync dev once, or name its folder with --dev=FOLDER",
			dir,
		)
	}
	var notes devNotes
	if b, err := os.ReadFile(filepath.Join(dir, devNotesFile)); err == nil {
		_ = json.Unmarshal(b, &notes) // half written: the dev is still starting, as the lock shows
	}
	unlock, err := takeDataDir(dir, filepath.Join(dir, "sandbox"))
	if err != nil {
		holder, _ := os.ReadFile(filepath.Join(dir, "lock.pid"))
		if pid := strings.TrimSpace(string(holder)); pid != strconv.Itoa(notes.PID) || notes.SandboxURL == "" {
			return config.Config{}, nil, fmt.Errorf(
				"--dev: the process %s uses %s, and is no dev that is up: wait until it has started or ended", pid, dir,
			)
		}
		return notes.config(dir), func() error { return nil }, nil
	}
	url, stop, err := wakeSandbox(ctx, filepath.Join(dir, "sandbox"))
	if err != nil {
		return config.Config{}, nil, errors.Join(fmt.Errorf("--dev: %w", err), unlock())
	}
	notes.SandboxURL = url
	return notes.config(dir), func() error { return errors.Join(stop(), unlock()) }, nil
}

// config returns the configuration of the dev in dir.
func (n devNotes) config(dir string) config.Config {
	c := devConfig(dir, n.URL, n.SandboxURL)
	c.Catalog = n.Catalog
	return c
}

// wakeSandbox serves the local Stripe of a folder on a free port until stop.
func wakeSandbox(ctx context.Context, dir string) (url string, stop func() error, err error) {
	log := slog.New(slog.DiscardHandler)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	world, err := sandbox.New(sandbox.Options{DataDir: dir, Logger: log})
	if err != nil {
		return "", nil, errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- serveHTTP(ctx, l, world.Handler(), log) }()
	return "http://" + l.Addr().String(), func() error {
		cancel()
		return errors.Join(<-ended, world.Close())
	}, nil
}
