package main

import (
	"bytes"
	"io"
	"time"

	"icapd/conf"
	"icapd/icap"
	"icapd/internal/event"

	"github.com/sirupsen/logrus"
)

// logs is where the process says what it does, and what became of each message. The level thins out the former
// only: an audit trail with holes is none.
type logs struct {
	*logrus.Logger
	audit *logrus.Logger
}

func newLogs(w io.Writer, c *conf.Log) *logs {
	l := &logs{logrus.New(), logrus.New()}
	for _, it := range []*logrus.Logger{l.Logger, l.audit} {
		it.SetOutput(w)
	}
	l.configure(c)
	return l
}

// configure takes on what the configuration says. It may be called while others log.
func (l *logs) configure(c *conf.Log) {
	level, err := logrus.ParseLevel(c.Level)
	if err != nil {
		level = logrus.InfoLevel
	}
	l.SetLevel(level)
	var f logrus.Formatter = &logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano}
	var ef logrus.Formatter = eventFormatter{}
	if c.Format == "text" {
		f = &logrus.TextFormatter{TimestampFormat: time.RFC3339, FullTimestamp: true, DisableColors: true}
		ef = f
	}
	l.SetFormatter(f)
	l.audit.SetFormatter(ef)
}

const eventKey = "event"

// message writes the audit event of one message.
func (l *logs) message(e *event.Event) {
	if _, ok := l.audit.Formatter.(eventFormatter); ok {
		l.audit.WithField(eventKey, e).Info("message")
		return
	}
	fields := logrus.Fields{
		"request_id": e.RequestID, "service": e.Service, "client": e.Client, "method": e.Method, "url": e.URL,
		"status": e.Status, "type": e.Type, "size": e.Size, "verdict": e.Verdict, "action": e.Action,
		"ms": e.Durations.Total, "findings": len(e.Findings), "gaps": len(e.Gaps),
	}
	for key, value := range map[string]string{"rule": e.Rule, "reason": e.Reason, "shadowed": e.Shadowed, "error": e.Error} {
		if value != "" {
			fields[key] = value
		}
	}
	l.audit.WithFields(fields).Info("message")
}

// eventFormatter writes an audit event with its own keys at the top level, in their order.
type eventFormatter struct{}

// Format implements logrus.Formatter.
func (eventFormatter) Format(entry *logrus.Entry) ([]byte, error) {
	e, _ := entry.Data[eventKey].(*event.Event)
	var line bytes.Buffer
	err := encode(&line, struct {
		Level   string `json:"level"`
		Message string `json:"msg"`
		*event.Event
	}{entry.Level.String(), entry.Message, e})
	return line.Bytes(), err
}

// icap writes what went wrong outside a handler's view. Peers that break rules, or go away, are not worth an
// operator's attention each; a panic is.
func (l *logs) icap(e icap.Event) {
	entry := l.WithField("peer", "")
	if e.Remote != nil {
		entry = l.WithField("peer", e.Remote.String())
	}
	if e.Err != nil {
		entry = entry.WithField("error", event.OneLine(e.Err.Error(), 300))
	}
	switch e.Kind {
	case icap.EventPanic:
		entry.WithField("stack", string(e.Stack)).Error("a handler panicked")
	case icap.EventHandler:
		entry.Error("a handler gave no answer")
	case icap.EventAccept:
		entry.Error("a connection could not be accepted")
	case icap.EventOverload:
		entry.Warn("no capacity left")
	case icap.EventProtocol:
		entry.Info("the client broke the protocol")
	case icap.EventHandshake:
		entry.Info("the TLS handshake failed")
	case icap.EventTimeout:
		entry.Info("the client was too slow")
	case icap.EventConn:
		entry.Debug("the connection broke")
	}
}
