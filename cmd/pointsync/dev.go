package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/issuer"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

type devCmd struct {
	Addr        string `help:"Where the API listens." default:"127.0.0.1:8080"`
	SandboxAddr string `help:"Where the local Stripe listens." default:"127.0.0.1:12111"`
	DataDir     string `help:"Where state is kept." default:".pointsync" type:"path"`
	Catalog     string `help:"The catalogue; by default ./catalog.yaml, or else the built-in one." type:"path"`

	console io.Writer // gets a line about each mail and each step of the start; nil: no one is told

	Quiet bool `help:"Print no line about each request. Without it, pages and their files, health checks and preflights are left out, and so are queries, ids in paths, tokens and emails."`
	Reset bool `help:"First delete what an earlier dev left in the data folder: accounts, points, the local Stripe, mails and keys. Files of others stay."`

	Seed string `help:"Make the accounts of a YAML file, with points, plans, debt (docs/dev-seed.yaml is an example). Those that a start made before stay as they are." placeholder:"FILE" type:"path"`

	Issuers string `help:"Let people log in with ID tokens of the issuers in a YAML file (docs/exchange.md), as POINTSYNC_ISSUERS does for serve." placeholder:"FILE" type:"path"`

	AllowOrigin []string `help:"Another origin, such as https://app.example.com, whose pages may call the API. Repeatable. Pages of this machine may anyway." placeholder:"ORIGIN"`
}

// Run runs everything until it is interrupted.
func (d devCmd) Run(ctx context.Context) error {
	d.console = os.Stdout
	s, err := startDev(ctx, d, newDevLog(d.console, os.Stderr, d.Quiet))
	if err != nil {
		return err
	}
	s.explain(d.DataDir)
	return s.wait()
}

// say prints which step of the start begins, so that no one wonders what a slow one waits for.
func (d devCmd) say(format string, args ...any) {
	if d.console != nil {
		fmt.Fprintf(d.console, "starting: "+format+" …\n", args...)
	}
}

// devServer is the API and a local Stripe, side by side. They talk only by HTTP.
type devServer struct {
	url        string
	sandboxURL string
	app        *app
	group      *errgroup.Group
	stop       context.CancelFunc
	unlock     func() error // releases the data folder
}

// localApps are the origins of web apps that run on the same machine: their developers may call `dev` from it.
var localApps = []string{
	"http://localhost" + billing.AnyPort, "http://127.0.0.1" + billing.AnyPort, "http://[::1]" + billing.AnyPort,
}

// devProduct is the name of the product in mails.
const devProduct = "pointsync demo shop"

// devKey opens the sandbox and nothing else.
const devKey = "sk_test_pointsync_dev"

// startDev starts both servers and sets the sandbox up for the API. They run until ctx ends or stop is called.
func startDev(ctx context.Context, d devCmd, log *slog.Logger) (*devServer, error) {
	items, catalogFile, err := devCatalog(d.Catalog)
	if err != nil {
		return nil, err
	}
	// All flags with content are checked before anything is made or deleted.
	accounts, err := readSeed(d.Seed, items)
	if err != nil {
		return nil, err
	}
	issuers, err := d.readIssuers()
	if err != nil {
		return nil, err
	}
	for _, o := range d.AllowOrigin {
		if err := config.CheckOrigin(o); err != nil {
			return nil, fmt.Errorf("--allow-origin holds %w", err)
		}
	}
	if err := os.MkdirAll(d.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	unlock, err := takeDataDir(d.DataDir, filepath.Join(d.DataDir, "sandbox"))
	if err != nil {
		return nil, err
	}
	s, err := startDevIn(ctx, d, devInput{items, catalogFile, issuers}, log)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	s.unlock = unlock
	if err := s.seed(ctx, d, items, accounts); err != nil {
		s.stop()
		return nil, errors.Join(fmt.Errorf("--seed: %w", err), s.wait())
	}
	return s, nil
}

// devInput is what the files of the flags hold, except for the seed.
type devInput struct {
	catalog     *catalog.Catalog
	catalogFile string
	issuers     []oidc.Settings
}

// startDevIn is startDev in a folder that this process has locked, before the seed.
func startDevIn(ctx context.Context, d devCmd, in devInput, log *slog.Logger) (*devServer, error) {
	stripeListener, apiListener, err := d.listen()
	if err != nil {
		return nil, err
	}
	if d.Reset { // after the addresses are ours: a start that fails must delete nothing
		if err := resetDev(d.DataDir, cmp.Or(d.console, io.Discard)); err != nil {
			return nil, errors.Join(fmt.Errorf("--reset: %w", err), stripeListener.Close(), apiListener.Close())
		}
	}
	ctx, stop := context.WithCancel(ctx)
	s := &devServer{
		url:        "http://" + apiListener.Addr().String(),
		sandboxURL: "http://" + stripeListener.Addr().String(),
		stop:       stop,
	}
	s.group, ctx = errgroup.WithContext(ctx)
	d.say("the local Stripe, with its state in %s", filepath.Join(d.DataDir, "sandbox"))
	world, err := sandbox.New(sandbox.Options{DataDir: filepath.Join(d.DataDir, "sandbox"), Logger: log})
	if err != nil {
		stop()
		return nil, errors.Join(err, stripeListener.Close(), apiListener.Close())
	}
	context.AfterFunc(ctx, world.EndStreams)
	elsewhere := issuer.New(s.sandboxURL)
	in.issuers = append(in.issuers, oidc.Settings{
		Issuer: elsewhere.Name(), Audiences: []string{issuer.Audience}, LinkEmail: true,
	})
	s.group.Go(func() error {
		handler := elsewhere.Beside(world.Handler())
		return errors.Join(serveHTTP(ctx, stripeListener, handler, log), world.Close())
	})
	s.app, err = s.wire(ctx, d, in, log)
	if err != nil {
		stop()
		return nil, errors.Join(err, apiListener.Close(), s.group.Wait())
	}
	d.say("the account of the admin")
	notes := devNotes{PID: os.Getpid(), URL: s.url, SandboxURL: s.sandboxURL, Catalog: in.catalogFile}
	if err := errors.Join(s.app.ensureAdmin(ctx), notes.write(d.DataDir)); err != nil {
		stop()
		return nil, errors.Join(err, apiListener.Close(), s.group.Wait(), s.app.db.Close())
	}
	s.group.Go(func() error { return s.app.run(ctx, apiListener) })
	return s, nil
}

// listen takes the addresses of both servers.
func (d devCmd) listen() (stripe, api net.Listener, err error) {
	if stripe, err = net.Listen("tcp", d.SandboxAddr); err != nil {
		return nil, nil, fmt.Errorf("--sandbox-addr: %w", err)
	}
	if api, err = net.Listen("tcp", d.Addr); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("--addr: %w", err), stripe.Close())
	}
	return stripe, api, nil
}

// The admin of `dev`. Anyone may log in as the admin: there is nothing real to control.
const (
	devAdmin    = "admin@example.com"
	devPassword = "correct horse battery"
)

// ensureAdmin makes the admin of `dev`.
func (a *app) ensureAdmin(ctx context.Context) error {
	if _, err := a.accounts.Register(
		ctx, devAdmin, devPassword,
	); err != nil && billing.CodeOf(err) != billing.EEmailTaken {
		return err
	}
	if _, err := account.SetRole(ctx, a.db, devAdmin, billing.RoleAdmin); err != nil {
		return err
	}
	owner, err := account.ByEmail(ctx, a.db, devAdmin)
	if err != nil || owner.EmailVerifiedAt != nil {
		return err
	}
	// Without it, a login as the admin at the local issuer would take the password away.
	return a.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, owner.ID); err != nil {
			return err
		}
		return tx.VerifyEmail(ctx, owner.ID)
	})
}

// wire sets up the sandbox as `pointsync stripe setup` would, and makes the API's app.
func (s *devServer) wire(ctx context.Context, d devCmd, in devInput, log *slog.Logger) (*app, error) {
	dir := d.DataDir
	now, err := followClock(ctx, s.sandboxURL+"/_sandbox/clock", log)
	if err != nil {
		return nil, err
	}
	keys, err := kept(
		filepath.Join(dir, "signing-keys"), func() (string, error) { return token.GenerateKey("dev"), nil },
	)
	if err != nil {
		return nil, err
	}
	c := devConfig(dir, s.url, s.sandboxURL)
	c.SigningKeys = config.Secret(keys)
	c.AllowedOrigins = slices.Concat([]string{s.url}, localApps, d.AllowOrigin)
	gateway, err := newGateway(c, now, nil, log)
	if err != nil {
		return nil, err
	}
	d.say("the catalogue's products and prices at the local Stripe")
	if _, err := gateway.EnsureCatalog(ctx, in.catalog); err != nil {
		return nil, err
	}
	webhook := s.url + "/webhook"
	endpoint, err := gateway.EnsureEndpoint(ctx, webhook)
	if err != nil {
		return nil, err
	}
	secret, err := keptSecret(filepath.Join(dir, "webhook-secrets.json"), webhook, endpoint.Secret)
	if err != nil {
		return nil, err
	}
	c.WebhookSecrets = []config.Secret{config.Secret(secret)}
	mails, err := mail.NewFolder(filepath.Join(dir, "mails"), cmp.Or(d.console, io.Discard), s.url+"/mails")
	if err != nil {
		return nil, err
	}
	d.say("the database, and its schema")
	a, err := newApp(ctx, parts{
		config: c, catalog: in.catalog, issuers: in.issuers, now: now, log: log,
		migrate: true, shop: true, sandboxURL: s.sandboxURL, mails: mails,
	})
	if err != nil {
		return nil, err
	}
	if err := a.link(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is of another sandbox: %w", dir, err), a.db.Close())
	}
	return a, nil
}

// readIssuers reads and checks the file of --issuers.
func (d devCmd) readIssuers() ([]oidc.Settings, error) {
	if d.Issuers == "" {
		return nil, nil
	}
	issuers, err := oidc.Load(d.Issuers)
	if err != nil {
		return nil, fmt.Errorf("--issuers: %w", err)
	}
	return issuers, nil
}

// devConfig returns the settings of a `dev` that other commands need too.
func devConfig(dir, url, sandboxURL string) config.Config {
	return config.Config{
		DatabaseURL: config.Secret("sqlite://" + filepath.Join(dir, "pointsync.db")),
		StripeKey:   devKey, StripeAPIBase: sandboxURL, ClockURL: sandboxURL + "/_sandbox/clock",
		Issuer: "pointsync", Audience: "pointsync",
		KeyRate:     200,
		ProductName: devProduct, LinkURL: url + "/",
		PastDueGrace: 72 * time.Hour, RenewalGrace: 2 * time.Hour, Backfill: 5 * time.Minute, LocalWebhooks: true,
		Console: "on", ParkGrants: 100, ParkPoints: 10_000_000, // the defaults of `serve`
		// Set no cool-off between automatic top-ups, so that no one who tries them has to wait for the second one.
	}
}

// wait blocks until both servers have ended.
func (s *devServer) wait() error { return errors.Join(s.group.Wait(), s.unlock()) }

// explain prints the addresses and how to try them.
func (s *devServer) explain(dir string) {
	fmt.Printf(`pointsync is running. Nothing here moves real money.

  demo shop   %[1]s/
  API docs    %[1]s/docs
  mails       %[1]s/mails   what was sent to customers; no mail leaves this machine
  API         %[1]s
  sandbox     %[2]s   a local Stripe and, in a browser, its control panel; a script moves its clock with
              curl -X POST %[2]s/_sandbox/clock -H 'Content-Type: application/json' -d '{"advance_seconds":86400}'
  issuer      %[2]s%[6]s   a local login elsewhere; an ID token to exchange:
              curl %[2]s%[6]s/token -d '{"email":"ada@example.com"}'
  state       %[3]s
  admin       %[4]s with the password "%[5]s"

Try it:
  curl %[1]s/auth/register -H 'Content-Type: application/json' -d '{"email":"ada@example.com","password":"%[5]s"}'

Stop with Ctrl-C.
`, s.url, s.sandboxURL, dir, devAdmin, devPassword, issuer.Path)
}

// devCatalog returns the catalogue at path, or ./catalog.yaml, or the built-in one, and its file, "" for the last.
func devCatalog(path string) (_ *catalog.Catalog, file string, err error) {
	if path == "" {
		if _, err := os.Stat("catalog.yaml"); err != nil {
			return catalog.Default(), "", nil
		}
		path = "catalog.yaml"
	}
	if file, err = filepath.Abs(path); err != nil {
		return nil, "", err
	}
	items, err := catalog.Load(file)
	return items, file, err
}

// kept returns the content of a file. If the file is missing, kept creates it, readable only by its owner.
func kept(path string, create func() (string, error)) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return string(b), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	content, err := create()
	if err != nil {
		return "", err
	}
	return content, os.WriteFile(path, []byte(content), 0o600)
}

// keptSecret keeps the secret of each webhook endpoint, because Stripe shows it only once.
func keptSecret(path, endpoint, shown string) (string, error) {
	content, err := kept(path, func() (string, error) { return "{}", nil })
	if err != nil {
		return "", err
	}
	var secrets map[string]string
	if err := json.Unmarshal([]byte(content), &secrets); err != nil {
		return "", fmt.Errorf("%s is not readable: %w", path, err)
	}
	if shown == "" {
		if secrets[endpoint] == "" {
			return "", fmt.Errorf(
				"the sandbox has an endpoint %s whose secret is lost: stop, remove %s and start again", endpoint,
				filepath.Dir(path),
			)
		}
		return secrets[endpoint], nil
	}
	secrets[endpoint] = shown
	b, err := json.MarshalIndent(secrets, "", "  ")
	if err != nil {
		return "", err
	}
	return shown, os.WriteFile(path, b, 0o600)
}
