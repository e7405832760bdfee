package dev.zhulong.train.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads event files back with a decoder of its own, bit by bit from the published formats, sharing nothing with the writer. */
class TensorBoardReadsOurEventsTest {

    @TempDir
    Path directory;

    @Test
    void scalarsComeBack() throws IOException {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("train/loss", 3.25);
        values.put("train/lr", 3e-4);
        values.put("eval/字节", -0.5);
        Path file;
        try (EventFile events = EventFile.open(directory.resolve("tensorboard"))) {
            file = events.file();
            events.scalars(0, values);
            events.scalars(300, Map.of("train/loss", Float.NaN));
            events.scalars(5_000_000_000L, Map.of());
        }
        assertThat(file.getFileName().toString()).matches("events\\.out\\.tfevents\\.\\d{10}\\.zhulong");
        List<Event> events = decode(Files.readAllBytes(file));
        assertThat(events).hasSize(4);
        assertThat(events.get(0).version).isEqualTo("brain.Event:2");
        assertThat(events.get(1).step).isZero();
        assertThat(events.get(1).values).containsExactly(Map.entry("train/loss", 3.25f), Map.entry("train/lr", 3e-4f),
                Map.entry("eval/字节", -0.5f));
        assertThat(events.get(2).step).isEqualTo(300);
        assertThat(events.get(2).values.get("train/loss")).isNaN();
        assertThat(events.get(3).step).isEqualTo(5_000_000_000L);
        double now = System.currentTimeMillis() / 1000.0;
        assertThat(events).allSatisfy(e -> assertThat(e.wallTime).isBetween(now - 60, now + 1));
    }

    @Test
    void aResumedRunOpensALaterFileThatTakesLaterStepsBack() throws IOException {
        Path first;
        Path second;
        Path third;
        try (EventFile events = EventFile.open(directory)) {
            first = events.file();
            events.scalars(7, Map.of("train/loss", 2.0));
        }
        try (EventFile events = EventFile.resume(directory, 5)) {
            second = events.file();
            events.scalars(5, Map.of("train/loss", 1.5));
        }
        try (EventFile events = EventFile.resume(directory, 6)) {
            third = events.file();
        }
        assertThat(List.of(first.toString(), second.toString(), third.toString())).isSorted().doesNotHaveDuplicates();
        List<Event> events = decode(Files.readAllBytes(second));
        assertThat(events).hasSize(3);
        assertThat(events.get(0).version).isEqualTo("brain.Event:2");
        assertThat(events.get(1).sessionStatus).as("SessionLog.START").isEqualTo(1);
        assertThat(events.get(1).step).isEqualTo(5);
        assertThat(events.get(2).values).containsEntry("train/loss", 1.5f);
    }

    @Test
    void bytesOfOneScalarEventAreTheFormatsOwn() {
        // wall_time 1.5, step 300 = AC 02, summary { value { tag "a" simple_value 1.0 } }, written down by hand from the wire format
        String event = "09" + "000000000000f83f" + "10ac02" + "2a0a" + "0a08" + "0a0161" + "150000803f";
        assertThat(HexFormat.of().formatHex(EventFile.scalarEvent(1.5, 300, Map.of("a", 1f)))).isEqualTo(event);
        assertThat(HexFormat.of().formatHex(EventFile.startEvent(1.5, 5))).isEqualTo("09000000000000f83f" + "1005" + "3a02" + "0801");
        assertThat(HexFormat.of().formatHex(EventFile.versionEvent(1.5)))
                .isEqualTo("09000000000000f83f" + "1a0d" + "627261696e2e4576656e743a32");
    }

    @Test
    void framingOfTheFirstRecordIsTheOneEveryEventFileBeginsWith() {
        // the first twelve bytes of any event file: a record of 24 bytes and the masked CRC of that length
        byte[] record = EventFile.record(EventFile.versionEvent(1.5));
        assertThat(HexFormat.of().formatHex(record, 0, 12)).isEqualTo("1800000000000000" + "a37f4b22");
        assertThat(record).hasSize(8 + 4 + 24 + 4);
    }

    @Test
    void theDecodersOwnChecksumIsCastagnolis() {
        assertThat(crc32c("123456789".getBytes(StandardCharsets.US_ASCII))).isEqualTo(0xe3069283);
        assertThat(crc32c(new byte[32])).as("RFC 3720, B.4").isEqualTo(0x8a9136aa);
    }

    private static final class Event {
        double wallTime;
        long step;
        String version;
        long sessionStatus = -1;
        final Map<String, Float> values = new LinkedHashMap<>();
    }

    private static List<Event> decode(byte[] file) {
        List<Event> events = new ArrayList<>();
        Bytes in = new Bytes(file, 0, file.length);
        while (in.at < in.end) {
            int start = in.at;
            long length = in.little(8);
            assertThat((int) in.little(4)).as("masked CRC of the length").isEqualTo(masked(slice(file, start, 8)));
            int data = in.at;
            in.at += (int) length;
            assertThat((int) in.little(4)).as("masked CRC of the data").isEqualTo(masked(slice(file, data, (int) length)));
            events.add(event(new Bytes(file, data, data + (int) length)));
        }
        assertThat(in.at).isEqualTo(file.length);
        return events;
    }

    private static Event event(Bytes in) {
        Event event = new Event();
        while (in.at < in.end) {
            switch ((int) in.varint()) {
                case 0x09 -> event.wallTime = Double.longBitsToDouble(in.little(8));
                case 0x10 -> event.step = in.varint();
                case 0x1a -> event.version = in.text();
                case 0x3a -> {
                    Bytes session = in.inner();
                    assertThat(session.varint()).isEqualTo(0x08);
                    event.sessionStatus = session.varint();
                }
                case 0x2a -> {
                    Bytes summary = in.inner();
                    while (summary.at < summary.end) {
                        assertThat(summary.varint()).isEqualTo(0x0a);
                        Bytes value = summary.inner();
                        assertThat(value.varint()).isEqualTo(0x0a);
                        String tag = value.text();
                        assertThat(value.varint()).isEqualTo(0x15);
                        event.values.put(tag, Float.intBitsToFloat((int) value.little(4)));
                        assertThat(value.at).isEqualTo(value.end);
                    }
                }
                default -> throw new AssertionError("unknown field before byte " + in.at);
            }
        }
        return event;
    }

    private static final class Bytes {
        final byte[] bytes;
        int at;
        final int end;

        Bytes(byte[] bytes, int at, int end) {
            this.bytes = bytes;
            this.at = at;
            this.end = end;
        }

        long little(int count) {
            long value = 0;
            for (int i = 0; i < count; i++) {
                value |= (bytes[at++] & 0xffL) << 8 * i;
            }
            return value;
        }

        long varint() {
            long value = 0;
            for (int shift = 0;; shift += 7) {
                byte b = bytes[at++];
                value |= (long) (b & 0x7f) << shift;
                if (b >= 0) {
                    return value;
                }
            }
        }

        Bytes inner() {
            int length = (int) varint();
            Bytes inner = new Bytes(bytes, at, at + length);
            at += length;
            assertThat(at).isLessThanOrEqualTo(end);
            return inner;
        }

        String text() {
            Bytes inner = inner();
            return new String(bytes, inner.at, inner.end - inner.at, StandardCharsets.UTF_8);
        }
    }

    private static byte[] slice(byte[] bytes, int from, int length) {
        return Arrays.copyOfRange(bytes, from, from + length);
    }

    private static int masked(byte[] bytes) {
        int crc = crc32c(bytes);
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    /** Bit by bit, reflected polynomial 0x82f63b78. */
    private static int crc32c(byte[] bytes) {
        int crc = ~0;
        for (byte b : bytes) {
            crc ^= b & 0xff;
            for (int i = 0; i < 8; i++) {
                crc = crc >>> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
            }
        }
        return ~crc;
    }
}
