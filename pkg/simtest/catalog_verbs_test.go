package simtest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// assortment holds the lines of the catalogue that the operator changes while the shop is open, each with its possible
// texts. The first text is the one in testdata/catalog.yaml. An empty text leaves the item out, as a slip does.
var assortment = [][]string{
	{
		"  - {id: basic, name: Basic, amount: 900, interval: month, points: 500, max_quantity: 5}",
		"  - {id: basic, name: Basic, amount: 1800, interval: month, points: 1000, max_quantity: 5}",
		"  - {id: basic, name: Basic, amount: 900, interval: month, points: 450, max_quantity: 5}",
	},
	{
		"  - {id: pro, name: Pro, amount: 1900, interval: month, points: 1200, rollover: {cap: 400}}",
		"  - {id: pro, name: Pro, amount: 2100, interval: month, points: 1200, rollover: {cap: 400}}",
	},
	{
		"  - {id: saver, name: Saver, amount: 700, interval: month, points: 300, rollover: all}",
		"  - {id: saver, name: Saver, amount: 700, interval: month, points: 300, rollover: all, sold: false}",
		"",
	},
	{
		"  - {id: small, name: Small pack, amount: 500, points: 100, max_quantity: 10}",
		"  - {id: small, name: Small pack, amount: 600, points: 150, max_quantity: 10}",
	},
	{
		"  - {id: odd, name: Odd pack, amount: 701, points: 333}",
		"  - {id: odd, name: Odd pack, amount: 701, points: 333, sold: false}",
	},
}

// stock copies the catalogue to where the servers of one simulation read it.
func (w *world) stock() string {
	w.t.Helper()
	text, err := os.ReadFile("testdata/catalog.yaml")
	w.must(err)
	w.shelf = filepath.Join(w.t.TempDir(), "catalog.yaml")
	w.must(os.WriteFile(w.shelf, text, 0o600))
	return w.shelf
}

const setupTries = 12 // tries to set Stripe up while it has faults

// changeCatalogue changes the price or the points of an item, removes the item, or restores it. It follows the docs:
// first the file, then `stripe setup`, then the servers.
func (w *world) changeCatalogue(r *rand.Rand) {
	item := assortment[r.IntN(len(assortment))]
	before, err := os.ReadFile(w.shelf)
	if err != nil {
		w.violate(nil, "the catalogue cannot be read: %v", err)
		return
	}
	id, _, _ := strings.Cut(item[0], ",")
	others := slices.DeleteFunc(slices.Clone(item), func(line string) bool {
		return line != "" && strings.Contains(
			string(before), line+"\n",
		) || line == "" && strings.Contains(string(before), gone(id))
	})
	wanted := others[r.IntN(len(others))]
	lines := strings.Split(string(before), "\n")
	for n, line := range lines {
		if strings.HasPrefix(line, id+",") || line == gone(id) {
			if lines[n] = wanted; wanted == "" {
				lines[n] = gone(id)
			}
		}
	}
	w.changed.Store(true)
	w.must(os.WriteFile(w.shelf, []byte(strings.Join(lines, "\n")), 0o600))
	said, err := w.setUp()
	for try := 1; err != nil && try < setupTries; try++ {
		pause(w.ctx, try)
		said, err = w.setUp()
	}
	w.note(-1, "the catalogue changes to %q: %.300s %v", wanted, said, err)
	if err != nil { // Stripe has too many faults
		w.must(os.WriteFile(w.shelf, before, 0o600))
		return
	}
	for _, s := range w.running() {
		if err := s.terminate(); err != nil {
			w.violate(nil, "%v\n%s", err, s.said.String())
		}
		w.startServer(s)
	}
}

// gone returns the text that replaces an item that was left out of the file.
func gone(id string) string { return "  # gone: " + id }

func (w *world) setUp() (string, error) {
	return w.command("stripe", "setup", "--webhook-url", "http://"+w.api.addr()+"/webhook")
}
