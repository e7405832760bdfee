package dev.zhulong.train.log;

import dev.zhulong.formats.AtomicFile;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Scalars for TensorBoard: a directory of event files that {@code tensorboard --logdir} reads while the run writes.
 *
 * <pre>{@code
 * try (var events = EventFile.open(run.resolve("tensorboard"))) {
 *     events.scalars(10, Map.of("train/loss", 3.21));
 * }
 * }</pre>
 *
 * <p>Formats: records are framed as TensorFlow's TFRecord ({@code tensorflow/core/lib/io/record_writer}: length u64, masked CRC-32C of
 * the length, data, masked CRC-32C of the data, little-endian); data are {@code Event} messages of
 * {@code tensorflow/core/util/event.proto} and {@code framework/summary.proto} in Protocol Buffers' wire format.
 *
 * <p>A resumed run takes its first step and later ones out of earlier files and writes a new file that begins with a
 * {@code SessionLog START} event at that step; a TensorBoard that has read them already then drops them too. Not for several threads.
 */
public final class EventFile implements AutoCloseable {

    private static final String NAME = "events.out.tfevents.";
    private static final String OURS = ".zhulong";
    /** Bytes before and after a record's data. */
    private static final int HEADER = 12;
    private static final int FOOTER = 4;
    /** No event of scalars comes near it; a length beyond it is no length. */
    private static final int LONGEST = 1 << 20;
    private static final int CRC_MASK = 0xa282ead8;
    // field number << 3 | wire type (0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes)
    private static final int EVENT_WALL_TIME = 1 << 3 | 1;
    private static final int EVENT_STEP = 2 << 3;
    private static final int EVENT_FILE_VERSION = 3 << 3 | 2;
    private static final int EVENT_SUMMARY = 5 << 3 | 2;
    private static final int EVENT_SESSION_LOG = 7 << 3 | 2;
    private static final int SESSION_LOG_STATUS = 1 << 3;
    private static final int SESSION_LOG_START = 1;
    private static final int SUMMARY_VALUE = 1 << 3 | 2;
    private static final int VALUE_TAG = 1 << 3 | 2;
    private static final int VALUE_SIMPLE_VALUE = 2 << 3 | 5;

    private final Path file;
    private final FileChannel channel;

    private EventFile(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Starts an event file in a directory, which is made if it doesn't exist.
     *
     * @throws UncheckedIOException if it can't be written
     */
    public static EventFile open(Path directory) {
        EventFile events = create(directory);
        events.write(versionEvent(now()));
        return events;
    }

    /**
     * Goes on in a directory that an interrupted run has written to; starts where there is none.
     *
     * @param nextStep the first step this run will write; what is there about it and later steps is taken out
     */
    public static EventFile resume(Path directory, long nextStep) {
        List<Path> earlier = earlier(directory);
        earlier.forEach(file -> keepBefore(file, nextStep));
        EventFile events = open(directory);
        if (!earlier.isEmpty()) {
            events.write(startEvent(now(), nextStep));
        }
        return events;
    }

    private static List<Path> earlier(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        AtomicFile.removeLeftovers(directory);
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().endsWith(OURS)).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("can't resume in " + directory, e);
        }
    }

    /** Takes out events of {@code nextStep} and later, and a last record that a killed process left unfinished. */
    private static void keepBefore(Path file, long nextStep) {
        AtomicFile.writeStream(file, out -> {
            try (var in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
                for (byte[] record = readRecord(in); record != null; record = readRecord(in)) {
                    if (step(ByteBuffer.wrap(record, HEADER, record.length - HEADER - FOOTER)) < nextStep) {
                        out.write(record);
                    }
                }
            }
        });
    }

    /** A record with its frame; null at the end, or where what follows is no whole record. */
    private static byte[] readRecord(DataInputStream in) throws IOException {
        byte[] header = in.readNBytes(HEADER);
        if (header.length < HEADER) {
            return null;
        }
        long length = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 0 || length > LONGEST) {
            return null;
        }
        byte[] rest = in.readNBytes((int) length + FOOTER);
        if (rest.length < length + FOOTER) {
            return null;
        }
        byte[] record = Arrays.copyOf(header, HEADER + rest.length);
        System.arraycopy(rest, 0, record, HEADER, rest.length);
        return record;
    }

    /** An event's step: written only after the time, eight bytes behind its key, and left out where it is 0. */
    private static long step(ByteBuffer event) {
        event.position(event.position() + Math.min(event.remaining(), 1 + Double.BYTES));
        if (!event.hasRemaining() || event.get() != EVENT_STEP) {
            return 0;
        }
        long step = 0;
        for (int shift = 0; event.hasRemaining(); shift += 7) {
            byte part = event.get();
            step |= (long) (part & 0x7f) << shift;
            if (part >= 0) {
                break;
            }
        }
        return step;
    }

    /**
     * Writes one event with a value for each tag, in the map's order; {@code train/loss} and {@code train/lr} share a group in
     * TensorBoard. Values are stored as 32-bit floats, as the format has them.
     */
    public void scalars(long step, Map<String, ? extends Number> values) {
        Map<String, Float> floats = new LinkedHashMap<>();
        values.forEach((tag, value) -> floats.put(tag, value.floatValue()));
        write(scalarEvent(now(), step, floats));
    }

    /** The file being written. */
    public Path file() {
        return file;
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException("can't write to " + file, e);
        }
    }

    /** TensorBoard reads a directory's files in the order of their names, so a resumed run's name must sort behind the others. */
    private static EventFile create(Path directory) {
        try {
            Files.createDirectories(directory);
            long second = Math.max(System.currentTimeMillis() / 1000, latest(directory) + 1);
            Path file = directory.resolve(NAME + "%010d".formatted(second) + OURS);
            return new EventFile(file, FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        } catch (IOException e) {
            throw new UncheckedIOException("can't start an event file in " + directory, e);
        }
    }

    private static long latest(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(f -> f.getFileName().toString())
                    .filter(name -> name.matches("events\\.out\\.tfevents\\.\\d{10}\\..*"))
                    .mapToLong(name -> Long.parseLong(name.substring(NAME.length(), NAME.length() + 10)))
                    .max().orElse(-1);
        }
    }

    private static double now() {
        return System.currentTimeMillis() / 1000.0;
    }

    private void write(byte[] event) {
        try {
            // one write call a record: a reader beside us sees whole records, or a last one it waits for
            ByteBuffer record = ByteBuffer.wrap(record(event));
            while (record.hasRemaining()) {
                channel.write(record);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("can't write to " + file, e);
        }
    }

    /** TFRecord framing of one record. */
    static byte[] record(byte[] data) {
        ByteBuffer record = ByteBuffer.allocate(16 + data.length).order(ByteOrder.LITTLE_ENDIAN);
        record.putLong(data.length);
        record.putInt(maskedCrc(record.array(), 8));
        record.put(data);
        record.putInt(maskedCrc(data, data.length));
        return record.array();
    }

    /** The mask keeps a CRC over data that itself holds CRCs from being degenerate; so TensorFlow's {@code lib/hash/crc32c.h}. */
    private static int maskedCrc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return Integer.rotateRight((int) crc.getValue(), 15) + CRC_MASK;
    }

    static byte[] versionEvent(double wallTime) {
        Message event = new Message().fixed64(EVENT_WALL_TIME, wallTime);
        return event.bytes(EVENT_FILE_VERSION, "brain.Event:2".getBytes(StandardCharsets.UTF_8)).toBytes();
    }

    static byte[] startEvent(double wallTime, long step) {
        byte[] session = new Message().varint(SESSION_LOG_STATUS, SESSION_LOG_START).toBytes();
        return new Message().fixed64(EVENT_WALL_TIME, wallTime).varint(EVENT_STEP, step).bytes(EVENT_SESSION_LOG, session).toBytes();
    }

    static byte[] scalarEvent(double wallTime, long step, Map<String, Float> values) {
        Message summary = new Message();
        values.forEach((tag, value) -> summary.bytes(SUMMARY_VALUE, new Message()
                .bytes(VALUE_TAG, tag.getBytes(StandardCharsets.UTF_8)).fixed32(VALUE_SIMPLE_VALUE, value).toBytes()));
        return new Message().fixed64(EVENT_WALL_TIME, wallTime).varint(EVENT_STEP, step)
                .bytes(EVENT_SUMMARY, summary.toBytes()).toBytes();
    }

    /** The four wire types of Protocol Buffers an event needs. */
    private static final class Message {

        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Message varint(int key, long value) {
            base128(key);
            base128(value);
            return this;
        }

        Message fixed64(int key, double value) {
            base128(key);
            long bits = Double.doubleToLongBits(value);
            for (int i = 0; i < 8; i++) {
                out.write((int) (bits >>> 8 * i));
            }
            return this;
        }

        Message fixed32(int key, float value) {
            base128(key);
            int bits = Float.floatToIntBits(value);
            for (int i = 0; i < 4; i++) {
                out.write(bits >>> 8 * i);
            }
            return this;
        }

        Message bytes(int key, byte[] value) {
            base128(key);
            base128(value.length);
            out.writeBytes(value);
            return this;
        }

        byte[] toBytes() {
            return out.toByteArray();
        }

        private void base128(long value) {
            long rest = value;
            for (; (rest & ~0x7fL) != 0; rest >>>= 7) {
                out.write((int) (rest & 0x7f | 0x80));
            }
            out.write((int) rest);
        }
    }
}
