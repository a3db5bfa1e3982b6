package sandbox

// portalSession gives a customer access to the billing portal.
type portalSession struct {
	base
	Configuration string      `json:"configuration"`
	Customer      string      `json:"customer"`
	Flow          *portalFlow `json:"flow"`
	Locale        text        `json:"locale"`
	ReturnURL     text        `json:"return_url"`
	URL           string      `json:"url"`
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
	configuration := c.defaultPortal()
	if id := p.Text("configuration"); id != "" {
		if configuration = c.PortalConfigs.get(id); configuration == nil {
			return nil, noSuch("configuration", id, "configuration")
		}
	}
	if !configuration.Active {
		return nil, invalid("configuration", "The configuration %s is not active.", configuration.ID)
	}
	flow, err := c.portalFlow(holder, configuration)
	if err != nil {
		return nil, err
	}
	made := c.openPortal(holder, configuration, c.host)
	made.Flow, made.Locale = flow, text(p.Text("locale"))
	if flow != nil {
		made.URL += flowPath
	}
	if address := p.Text("return_url"); address != "" {
		made.ReturnURL = text(address)
	}
	c.emit("billing_portal.session.created", made)
	return made, nil
}

func (w *world) defaultPortal() *portalConfiguration {
	return w.PortalConfigs.get(w.PortalConfigs.ids[0])
}

// openPortal makes a session. The caller completes and announces it.
func (w *world) openPortal(holder *customer, configuration *portalConfiguration, host string) *portalSession {
	made := &portalSession{
		base:          w.begin("bps_1", "billing_portal.session"),
		Configuration: configuration.ID,
		Customer:      holder.ID,
		ReturnURL:     configuration.DefaultReturnURL,
	}
	made.URL = host + "/p/session/" + made.ID
	return w.PortalSessions.add(made)
}
