package clamd_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"

	"icapd/av/clamd"
	"icapd/av/clamd/clamdtest"
)

// bareScan is the least that asking clamd takes: connect, one write, one read.
func bareScan(b *testing.B, network, addr string, data []byte) {
	b.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	bufs := net.Buffers{binary.BigEndian.AppendUint32([]byte("zINSTREAM\x00"), uint32(len(data))), data, make([]byte, 4)}
	if _, err := bufs.WriteTo(c); err != nil {
		b.Error(err)
	}
	var reply [64]byte
	if n, err := c.Read(reply[:]); err != nil || string(reply[:n]) != "stream: OK\x00" {
		b.Errorf("%q, %v", reply[:n], err)
	}
}

// BenchmarkScan compares the engine with the bare exchange, on the same clamd and with bytes that clamd has not
// seen: go test -run - -bench Scan ./av/clamd
func BenchmarkScan(b *testing.B) {
	s := clamdtest.Start(b, clamdtest.Options{})
	var seed atomic.Uint64
	random := func(data []byte) {
		r := rand.NewPCG(seed.Add(1), 1)
		for i := 0; i+8 <= len(data); i += 8 {
			binary.LittleEndian.PutUint64(data[i:], r.Uint64())
		}
	}
	for _, size := range []int{1 << 10, 16 << 10, 1 << 20} {
		for network, address := range networks(s) {
			e := open(b, clamd.Options{Addresses: []string{address}})
			addr := address[len(network)+1:]
			for name, do := range map[string]func(data []byte){
				"bare": func(data []byte) { bareScan(b, network, addr, data) },
				"engine": func(data []byte) {
					if fs, err := e.Scan(b.Context(), item(data)); err != nil || len(fs) > 0 {
						b.Errorf("%v, %v", fs, err)
					}
				},
			} {
				b.Run(fmt.Sprintf("%s/%dKiB/%s", network, size>>10, name), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.RunParallel(func(pb *testing.PB) {
						data := make([]byte, size)
						for pb.Next() {
							random(data)
							do(data)
						}
					})
				})
			}
		}
	}
}
