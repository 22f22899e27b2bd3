package main

import (
	"icapd/conf"
	"icapd/scan"
	"icapd/schema"
)

// addSchemas adds the engine that holds messages against the documents of their APIs, if there are any.
func (p *parts) addSchemas(apis []conf.API) error {
	o := schema.Options{Select: p.apiOf}
	for i := range apis {
		if s := &apis[i].Schema; s.Set() {
			o.APIs = append(o.APIs, schema.API{
				Name: apis[i].Name, OpenAPI: string(s.OpenAPI), JSONSchema: string(s.JSONSchema), Request: string(s.Request),
				Observe: !s.Enforced(),
			})
		}
	}
	if len(o.APIs) == 0 {
		return nil
	}
	e, err := schema.New(o)
	if err != nil {
		return err
	}
	p.schema = e
	p.notes = append(p.notes, e.Notes()...)
	p.compute(e)
	return nil
}

// apiOf is the name of the API that a message belongs to.
func (p *parts) apiOf(m *scan.Message) string {
	if p.policy == nil {
		return ""
	}
	return p.policy.Select(m, m.Service).API
}
