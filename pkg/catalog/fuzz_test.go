package catalog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/catalog"
)

// FuzzParse proves that no file makes the reader of the catalogue fail in another way than by an error, and that what
// it accepts can be sold: something is there, no id occurs twice, and every price and every number of points is
// positive.
func FuzzParse(f *testing.F) {
	own, err := os.ReadFile("default.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range []string{
		string(own), "", "currency: usd", "packs: [{id: a, name: A, amount: 1, points: 1}]\ncurrency: usd",
		"packs: [{id: a, name: A, amount: 9.00, points: 010}]", "plans: [{id: a, id: b}]", "a: &a [*a]",
		"x: &x [1,1]\ny: &y [*x,*x,*x]\nz: [*y,*y,*y]", "packs: [{id: a, amount: 99999999999999999999}]",
		"packs: [{<<: {id: a}}]", "plans: [{id: a, rollover: {cap: -1}}]", "--- \n---\n", "\t", "packs: !!binary aGk=",
		"packs: [{id: \"a\\0\", name: \"\\ud800\"}]", strings.Repeat("[", 10_000), strings.Repeat("a: {", 1000),
	} {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file string) {
		c, err := catalog.Parse(strings.NewReader(file))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		sold := func(id string, amount, points int64) {
			if seen[id] || id == "" || amount <= 0 || points <= 0 {
				t.Errorf("%q, for %d, of %d points was accepted", id, amount, points)
			}
			seen[id] = true
		}
		for _, p := range c.Plans {
			sold(p.ID, p.Amount, int64(p.Points))
		}
		for _, p := range c.Packs {
			sold(p.ID, p.Amount, int64(p.Points))
		}
		if len(seen) == 0 {
			t.Error("an empty catalogue was accepted")
		}
	})
}
