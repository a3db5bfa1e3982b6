package sandbox

type webhookEndpoint struct {
	base
	APIVersion    text              `json:"api_version"`
	Description   text              `json:"description"`
	EnabledEvents []string          `json:"enabled_events"`
	Metadata      map[string]string `json:"metadata"`
	Status        string            `json:"status"`
	URL           string            `json:"url"`
	Hidden        struct {
		Secret  string
		Retired []retiredSecret // replaced by a roll, and still valid for a while
	} `json:"_sandbox"`
}

// createEndpoint makes an endpoint. Only its response shows the signing secret.
func createEndpoint(c *call) (any, error) {
	p := c.p
	if !absolute(p.Text("url")) {
		return nil, coded("url_invalid", "url", "Invalid URL: An explicit scheme (such as https) must be provided.")
	}
	if len(p.Texts("enabled_events")) == 0 {
		return nil, missing("enabled_events")
	}
	if p.Flag("connect") {
		return nil, invalid("connect", "The sandbox has no connected accounts.")
	}
	made := &webhookEndpoint{
		base:          c.begin("we_1", "webhook_endpoint"),
		APIVersion:    text(p.Text("api_version")),
		Description:   text(p.Text("description")),
		EnabledEvents: p.Texts("enabled_events"),
		Metadata:      mergedMetadata(nil, p),
		Status:        "enabled",
		URL:           p.Text("url"),
	}
	made.Hidden.Secret = newID("whsec_", 32)
	c.Endpoints.add(made)
	shown := render(made)
	shown["secret"] = made.Hidden.Secret
	return shown, nil
}

func (c *call) endpoint() (*webhookEndpoint, error) {
	if found := c.Endpoints.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("webhook endpoint", c.id, "id")
}

func updateEndpoint(c *call) (any, error) {
	found, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	p := c.p
	if p.Has("url") && !absolute(p.Text("url")) {
		return nil, coded("url_invalid", "url", "Invalid URL: An explicit scheme (such as https) must be provided.")
	}
	if address := p.Text("url"); address != "" {
		found.URL = address
	}
	if events := p.Texts("enabled_events"); len(events) > 0 {
		found.EnabledEvents = events
	}
	if p.Has("disabled") {
		found.Status = "enabled"
		if p.Flag("disabled") {
			found.Status = "disabled"
			c.dropDeliveries(found.ID) // a disabled endpoint gets no retries
		}
	}
	setText(&found.Description, p, "description")
	found.Metadata = mergedMetadata(found.Metadata, p)
	return found, nil
}

func getEndpoint(c *call) (any, error) { return c.endpoint() }

func listEndpoints(c *call) (any, error) { return list(c, &c.Endpoints, "webhook endpoint", nil) }

func deleteEndpoint(c *call) (any, error) {
	found, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	c.dropDeliveries(found.ID)
	c.Endpoints.remove(found.ID)
	return deleted("webhook_endpoint", found.ID), nil
}
