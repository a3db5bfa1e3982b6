package sandbox

import (
	"maps"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// portalSession lets a customer into the billing portal.
type portalSession struct {
	base
	Configuration string `json:"configuration"`
	Customer      string `json:"customer"`
	Flow          any    `json:"flow"`
	Locale        text   `json:"locale"`
	ReturnURL     text   `json:"return_url"`
	URL           string `json:"url"`
}

type portalConfiguration struct {
	base
	Active           bool              `json:"active"`
	BusinessProfile  map[string]any    `json:"business_profile"`
	DefaultReturnURL text              `json:"default_return_url"`
	Features         map[string]any    `json:"features"`
	IsDefault        bool              `json:"is_default"`
	LoginPage        map[string]any    `json:"login_page"`
	Metadata         map[string]string `json:"metadata"`
	Updated          int64             `json:"updated"`
}

// ensurePortalConfiguration makes the default configuration that every account has.
func (w *world) ensurePortalConfiguration() {
	if len(w.PortalConfigs.ids) == 0 {
		made := w.newPortalConfiguration()
		made.IsDefault = true
	}
}

func (w *world) newPortalConfiguration() *portalConfiguration {
	made := &portalConfiguration{
		base:            w.begin("bpc_1", "billing_portal.configuration"),
		Active:          true,
		Metadata:        map[string]string{},
		BusinessProfile: map[string]any{"headline": nil, "privacy_policy_url": nil, "terms_of_service_url": nil},
		LoginPage:       map[string]any{"enabled": false, "url": nil},
		Features: map[string]any{
			"customer_update":       map[string]any{"allowed_updates": []string{}, "enabled": false},
			"invoice_history":       map[string]any{"enabled": true},
			"payment_method_update": map[string]any{"enabled": true},
			"subscription_cancel": map[string]any{
				"cancellation_reason": map[string]any{
					"enabled": false,
					"options": []string{},
				},
				"enabled":            true,
				"mode":               "at_period_end",
				"proration_behavior": "none",
			},
			"subscription_pause": map[string]any{"enabled": false},
			"subscription_update": map[string]any{
				"default_allowed_updates": []string{"price"},
				"enabled":                 true,
				"proration_behavior":      "always_invoice",
			},
		},
	}
	made.Updated = made.Created
	return w.PortalConfigs.add(made)
}

func createPortalConfiguration(c *call) (any, error) {
	made := c.newPortalConfiguration()
	made.fill(c.p)
	c.emit("billing_portal.configuration.created", made)
	return made, nil
}

// fill takes over what was given, feature by feature.
func (f *portalConfiguration) fill(p spec.Params) {
	if p.Has("active") {
		f.Active = p.Flag("active")
	}
	setText(&f.DefaultReturnURL, p, "default_return_url")
	f.BusinessProfile, f.LoginPage, f.Features = maps.Clone(f.BusinessProfile), maps.Clone(f.LoginPage), maps.Clone(f.Features)
	for name, value := range p.Sub("business_profile") {
		f.BusinessProfile[name] = nullIfUnset(value)
	}
	if p.Sub("login_page").Has("enabled") {
		f.LoginPage["enabled"] = p.Sub("login_page").Flag("enabled")
	}
	for name := range p.Sub("features") {
		feature := map[string]any{}
		for key, value := range asMap(f.Features[name]) {
			feature[key] = value
		}
		for key, value := range p.Sub("features").Sub(name) {
			if key != "products" { // shown only when expanded
				feature[key] = nullIfUnset(value)
			}
		}
		f.Features[name] = feature
	}
	f.Metadata = mergedMetadata(f.Metadata, p)
}

func nullIfUnset(value any) any {
	if value == "" {
		return nil
	}
	return value
}

func (c *call) portalConfiguration() (*portalConfiguration, error) {
	if found := c.PortalConfigs.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("configuration", c.id, "id")
}

func updatePortalConfiguration(c *call) (any, error) {
	found, err := c.portalConfiguration()
	if err != nil {
		return nil, err
	}
	c.change("billing_portal.configuration.updated", found, func() {
		found.fill(c.p)
		found.Updated = c.now()
	})
	return found, nil
}

func getPortalConfiguration(c *call) (any, error) { return c.portalConfiguration() }

func listPortalConfigurations(c *call) (any, error) {
	return list(c, &c.PortalConfigs, "configuration", func(f *portalConfiguration) bool {
		return (!c.p.Has("active") || f.Active == c.p.Flag("active")) && (!c.p.Has("is_default") || f.IsDefault == c.p.Flag("is_default"))
	})
}

func createPortalSession(c *call) (any, error) {
	p := c.p
	if p.Text("customer") == "" {
		return nil, missing("customer")
	}
	holder, err := c.customerAt(p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	if address := p.Text("return_url"); address != "" && !absolute(address) {
		return nil, coded("url_invalid", "return_url", "Not a valid URL")
	}
	if p.Has("flow_data") {
		return nil, invalid("flow_data", "The sandbox's portal has its front page only: leave out flow_data.")
	}
	configuration := c.PortalConfigs.get(c.PortalConfigs.ids[0])
	if id := p.Text("configuration"); id != "" {
		if configuration = c.PortalConfigs.get(id); configuration == nil {
			return nil, noSuch("configuration", id, "configuration")
		}
	}
	made := &portalSession{
		base:          c.begin("bps_1", "billing_portal.session"),
		Configuration: configuration.ID,
		Customer:      holder.ID,
		Locale:        text(p.Text("locale")),
		ReturnURL:     text(p.Text("return_url")),
	}
	if made.ReturnURL == "" {
		made.ReturnURL = configuration.DefaultReturnURL
	}
	made.URL = c.host + "/p/session/" + made.ID
	c.PortalSessions.add(made)
	c.emit("billing_portal.session.created", made)
	return made, nil
}
