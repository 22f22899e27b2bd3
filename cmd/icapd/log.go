package main

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"icapd/conf"
	"icapd/icap"
	"icapd/internal/event"
	"icapd/internal/sink"

	"github.com/sirupsen/logrus"
)

// logs is where the process says what it does, and what became of each message. The level thins out the former
// only: an audit trail with holes is none. Nobody waits for whoever reads it: what a pipe that is full does not take
// is dropped, and counted with the sinks of the audit stream.
type logs struct {
	*logrus.Logger
	sink *sink.Sink
	text atomic.Bool // the format is for people, not JSON
}

// newLogs begins a log, which must be closed.
func newLogs(w io.Writer, c *conf.Log) *logs {
	l := &logs{Logger: logrus.New()}
	l.sink = sink.New("log", sink.NewPipe(w, l.line), sink.Limits{})
	l.SetOutput(l.sink)
	l.configure(c)
	return l
}

// logDrain is how long what is logged may take to go out when the process ends.
const logDrain = 2 * time.Second

// close lets the log run empty.
func (l *logs) close() {
	ctx, cancel := context.WithTimeout(context.Background(), logDrain)
	defer cancel()
	_ = l.sink.Close(ctx) // nobody is left to tell
}

// configure takes on what the configuration says. It may be called while others log.
func (l *logs) configure(c *conf.Log) {
	level, err := logrus.ParseLevel(c.Level)
	if err != nil {
		level = logrus.InfoLevel
	}
	l.SetLevel(level)
	l.text.Store(c.Format == "text")
	if c.Format == "text" {
		l.SetFormatter(textFormatter())
	} else {
		l.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano})
	}
}

func textFormatter() logrus.Formatter {
	return &logrus.TextFormatter{TimestampFormat: time.RFC3339, FullTimestamp: true, DisableColors: true}
}

// line appends a record of the audit stream, or a line that is one already. What operators do is logged where they do it.
func (l *logs) line(dst []byte, r sink.Record) ([]byte, error) {
	switch {
	case r.Message == nil:
		return append(dst, r.Line...), nil
	case l.text.Load():
		text, err := textFormatter().Format(textEntry(r.Message))
		return append(dst, text...), err
	}
	return append(r.Message.AppendFields(append(dst, `{"level":"info","msg":"message",`...)), '}'), nil
}

// textEntry is the audit event of a message in short.
func textEntry(e *event.Event) *logrus.Entry {
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
	return &logrus.Entry{Logger: nil, Data: fields, Time: e.Time, Level: logrus.InfoLevel, Message: "message"}
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
