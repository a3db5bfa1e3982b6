package catalog

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/strictyaml"
)

// whole is a number as the catalogue may write it. YAML itself would read 9.00 as 9 and 010 as 8. A person who writes
// 9.00 does not mean 9 cents.
type whole int64

var wholePattern = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// UnmarshalYAML accepts plain decimal digits, unquoted, and nothing else.
func (w *whole) UnmarshalYAML(node *yaml.Node) error {
	n, err := strconv.ParseInt(node.Value, 10, 64)
	if err != nil || node.Tag != "!!int" || !wholePattern.MatchString(node.Value) {
		return &yaml.TypeError{
			Errors: []string{fmt.Sprintf("line %d: %q is not a whole number", node.Line, node.Value)},
		}
	}
	*w = whole(n)
	return nil
}

// file is catalog.yaml as it is written. Numbers are pointers, so that a zero differs from a missing number.
type file struct {
	Currency string `yaml:"currency"`
	Codes    bool   `yaml:"allow_promotion_codes"`
	Plans    []plan `yaml:"plans"`
	Packs    []pack `yaml:"packs"`

	Actions     map[string]action `yaml:"actions"`
	ActionsOnly bool              `yaml:"actions_only"`
	Caps        caps              `yaml:"caps"`

	lines map[string]int // where each entry begins, by its place
}

// item is what plans and packs have in common.
type item struct {
	ID          string `yaml:"id"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Amount      *whole `yaml:"amount"`
	Currency    string `yaml:"currency"`
	Points      *whole `yaml:"points"`
	Sold        *bool  `yaml:"sold"`
}

// retired reports whether an item is known but no longer sold. By default it is sold.
func (i item) retired() bool { return i.Sold != nil && !*i.Sold }

type plan struct {
	item        `yaml:",inline"`
	Interval    billing.Interval `yaml:"interval"`
	GrantEvery  billing.Interval `yaml:"grant_interval"`
	TrialDays   *whole           `yaml:"trial_days"`
	TrialPoints *whole           `yaml:"trial_points"`
	Rollover    rollover         `yaml:"rollover"`
	MaxQuantity *whole           `yaml:"max_quantity"`
	Features    []string         `yaml:"features"`
	Caps        caps             `yaml:"caps"`
}

// rollover is written as none, all, or {cap: 100}.
type rollover struct {
	all bool
	cap *whole
}

// UnmarshalYAML accepts one of the two words, or a mapping with the one key.
func (r *rollover) UnmarshalYAML(node *yaml.Node) error {
	switch {
	case node.Kind == yaml.ScalarNode && (node.Value == "none" || node.Value == "all"):
		r.all = node.Value == "all"
		return nil
	case node.Kind == yaml.MappingNode && len(node.Content) == 2 && node.Content[0].Value == "cap":
		r.cap = new(whole)
		return node.Content[1].Decode(r.cap)
	}
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: rollover is none, all, or {cap: 100}", node.Line)}}
}

// points returns how many points go over, at most.
func (r rollover) points() billing.Points {
	if r.all {
		return billing.RolloverAll
	}
	return billing.Points(or(r.cap, 0))
}

type pack struct {
	item        `yaml:",inline"`
	MaxQuantity *whole `yaml:"max_quantity"`
}

// decode refuses keys that it does not know, because a misspelled key would silently mean the default.
func decode(text []byte) (*file, error) {
	var f file
	if err := strictyaml.Decode(text, &f); errors.Is(err, io.EOF) {
		return nil, errors.New("the catalogue is empty")
	} else if err != nil {
		return nil, fmt.Errorf("the catalogue is not well-formed: %w", err)
	}
	f.lines = linesOf(text, &f)
	return &f, nil
}

// linesOf finds the line of each plan, pack and action. The library leaves out an entry without content, so entries of
// a list with such a one have no line.
func linesOf(text []byte, f *file) map[string]int {
	lines := map[string]int{}
	for list, length := range map[string]int{"plans": len(f.Plans), "packs": len(f.Packs)} {
		places := strictyaml.Places(text, list)
		for n, p := range places {
			if len(places) == length {
				lines[entryOf(list, n)] = p.Line
			}
		}
	}
	for _, p := range strictyaml.Places(text, "actions") {
		lines[actionOf(p.Name)] = p.Line
	}
	return lines
}

// catalog converts a checked file to billing's nouns, with the defaults filled in.
func (f *file) catalog() *Catalog {
	c := &Catalog{
		AllowPromotionCodes: f.Codes,
		Plans:               make([]billing.Plan, 0, len(f.Plans)),
		Packs:               make([]billing.Pack, 0, len(f.Packs)),
		Actions:             f.actions(),
		ActionsOnly:         f.ActionsOnly,
		Caps:                f.capPolicy(),
	}
	for _, p := range f.Plans {
		c.Plans = append(c.Plans, billing.Plan{
			ID: p.ID, Name: p.Name, Description: p.Description,
			Amount:        int64(*p.Amount),
			Currency:      f.currencyOf(p.item),
			Interval:      p.Interval,
			GrantInterval: p.GrantEvery,
			Points:        billing.Points(*p.Points),
			TrialDays:     or(p.TrialDays, 0),
			TrialPoints:   billing.Points(or(p.TrialPoints, 0)),
			Rollover:      p.Rollover.points(),
			MaxQuantity:   or(p.MaxQuantity, 1),
			Retired:       p.retired(),
			Features:      p.Features,
		})
	}
	for _, p := range f.Packs {
		c.Packs = append(c.Packs, billing.Pack{
			ID: p.ID, Name: p.Name, Description: p.Description,
			Amount:      int64(*p.Amount),
			Currency:    f.currencyOf(p.item),
			Points:      billing.Points(*p.Points),
			MaxQuantity: or(p.MaxQuantity, 1),
			Retired:     p.retired(),
		})
	}
	return c
}

func (f *file) currencyOf(i item) string {
	if i.Currency != "" {
		return i.Currency
	}
	return f.Currency
}

func or(n *whole, otherwise int64) int64 {
	if n == nil {
		return otherwise
	}
	return int64(*n)
}
