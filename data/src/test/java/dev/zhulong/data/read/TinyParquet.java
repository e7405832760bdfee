package dev.zhulong.data.read;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.UnaryOperator;
import org.xerial.snappy.Snappy;

/** Writes one optional string column as Parquet, from the format's specification: one row group, one plain data page, Thrift compact protocol. */
final class TinyParquet {
    final ByteArrayOutputStream out = new ByteArrayOutputStream();
    int lastField;

    TinyParquet() { }

    /** A null value is a null in the file. */
    static byte[] write(String column, List<byte[]> values, boolean snappy) throws IOException {
        byte[] plain = page(values);
        return write(column, List.of(values.size()), List.of(plain), List.of(snappy ? Snappy.compress(plain) : plain), snappy ? 1 : 0);
    }

    /** A row group a list of values, none of them null, packed by {@code packer}, which {@code codec} is the number of. */
    static byte[] write(String column, List<List<byte[]>> groups, int codec, UnaryOperator<byte[]> packer) {
        List<byte[]> plain = groups.stream().map(TinyParquet::page).toList();
        return write(column, groups.stream().map(List::size).toList(), plain, plain.stream().map(packer).toList(), codec);
    }

    private static byte[] write(String column, List<Integer> rows, List<byte[]> plain, List<byte[]> stored, int codec) {
        var file = new ByteArrayOutputStream();
        file.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        var f = new TinyParquet();
        f.i32(1, 1).list(2, 12, 2);
        f.lastField = 0;
        f.string(4, "schema").i32(5, 1).stop();
        f.lastField = 0;
        f.i32(1, 6).i32(3, 1).string(4, column).i32(6, 0).stop();
        f.lastField = 2;
        f.i64(3, rows.stream().mapToInt(Integer::intValue).sum()).list(4, 12, rows.size());
        for (int group = 0; group < rows.size(); group++) {
            long offset = file.size();
            var header = new TinyParquet();
            // a group without rows has no page, as Arrow writes it
            if (rows.get(group) > 0) {
                header.i32(1, 0).i32(2, plain.get(group).length).i32(3, stored.get(group).length).struct(5).i32(1, rows.get(group)).i32(2, 0).i32(3, 3)
                        .i32(4, 3).end(5).stop();
                file.writeBytes(header.out.toByteArray());
                file.writeBytes(stored.get(group));
            }
            group(f, column, codec, rows.get(group), offset, file.size() - offset, header.out.size() + (long) plain.get(group).length);
        }
        f.lastField = 4;
        f.stop();
        byte[] footer = f.out.toByteArray();
        file.writeBytes(footer);
        file.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(footer.length).array());
        file.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        return file.toByteArray();
    }

    private static void group(TinyParquet f, String column, int codec, int rows, long offset, long chunk, long uncompressed) {
        f.lastField = 0;
        f.list(1, 12, 1);
        f.lastField = 0;
        f.i64(2, offset).struct(3).i32(1, 6).list(2, 5, 2).raw(zigzag(0)).raw(zigzag(3)).list(3, 8, 1).text(column).i32(4, codec).i64(5, rows)
                .i64(6, rows == 0 ? 0 : uncompressed).i64(7, chunk).i64(9, rows == 0 ? 0 : offset).end(3).stop();
        f.lastField = 1;
        f.i64(2, chunk).i64(3, rows).stop();
    }

    private static byte[] page(List<byte[]> values) {
        // Definition levels, bit width 1: a run of length 1 for each value, under the RLE hybrid's four-byte length.
        var levels = new ByteArrayOutputStream();
        var data = new ByteArrayOutputStream();
        for (byte[] value : values) {
            levels.write(2);
            levels.write(value == null ? 0 : 1);
            if (value != null) {
                data.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value.length).array());
                data.writeBytes(value);
            }
        }
        var page = new ByteArrayOutputStream();
        page.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(levels.size()).array());
        page.writeBytes(levels.toByteArray());
        page.writeBytes(data.toByteArray());
        return page.toByteArray();
    }

    TinyParquet field(int id, int type) {
        out.write((id - lastField) << 4 | type);
        lastField = id;
        return this;
    }

    TinyParquet i32(int id, int value) {
        return field(id, 5).raw(zigzag(value));
    }

    TinyParquet i64(int id, long value) {
        return field(id, 6).raw(zigzag(value));
    }

    TinyParquet string(int id, String value) {
        return field(id, 8).text(value);
    }

    TinyParquet text(String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        raw(bytes.length);
        out.writeBytes(bytes);
        return this;
    }

    TinyParquet list(int id, int type, int size) {
        field(id, 9);
        out.write(size << 4 | type);
        return this;
    }

    TinyParquet struct(int id) {
        field(id, 12);
        lastField = 0;
        return this;
    }

    TinyParquet end(int id) {
        out.write(0);
        lastField = id;
        return this;
    }

    void stop() {
        out.write(0);
    }

    TinyParquet raw(long value) {
        long rest = value;
        while ((rest & ~0x7fL) != 0) {
            out.write((int) (rest & 0x7f | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
        return this;
    }

    static long zigzag(long value) {
        return value << 1 ^ value >> 63;
    }
}
