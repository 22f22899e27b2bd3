package scan

import (
	"context"
	"errors"
	"testing"
)

// able has every ability.
type able struct {
	assurer
	err error
}

func (able) Version() string                               { return "v1" }
func (able) Key(*Item) (string, bool)                      { return "key", false }
func (a able) Check(context.Context) error                 { return a.err }
func (able) Begin(context.Context, *Message, int64) Stream { return &tape{} }

// TestDecorator holds a decorator to the abilities of the engine inside, and to the defaults without them.
func TestDecorator(t *testing.T) {
	it := &Item{Path: "body", Blob: Bytes("x"), Message: &Message{Host: "h"}}
	broken := errors.New("broken")
	full := Decorator{able{assurer{fake{wants: func(*Item) bool { return false }}, func(*Item) bool { return true }}, broken}}
	if key, ok := full.Key(it); full.Wants(it) || !full.Assures(it) || full.Version() != "v1" || key != "key" || ok {
		t.Error("an ability is lost")
	}
	if full.Check(t.Context()) != broken || full.Begin(t.Context(), it.Message, 1) == nil { //nolint:errorlint // identity is meant
		t.Error("Check or Begin is lost")
	}
	plain := Decorator{struct{ Engine }{fake{scan: nothing}}}
	if !plain.Wants(it) || !plain.Assures(it) || plain.Version() != "" {
		t.Error("an engine without abilities does not behave like one")
	}
	if plain.Check(t.Context()) != nil || plain.Begin(t.Context(), it.Message, 1) != nil {
		t.Error("an engine without Check or Begin does not behave like one")
	}
	one, ok := plain.Key(it)
	other := &Item{Path: "body", Blob: it.Blob, Message: &Message{Path: "h"}}
	if two, _ := plain.Key(other); !ok || one == two {
		t.Errorf("key %q of two different messages", one)
	}
}
