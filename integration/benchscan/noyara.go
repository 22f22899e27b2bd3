//go:build !cgo || noyara

package main

import (
	"context"
	"errors"
)

func newLibyara() (func(context.Context, []byte) error, error) {
	return nil, errors.New("built without YARA")
}
