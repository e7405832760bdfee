package dev.zhulong.data.read;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Writes chat data as datasets come in Parquet: an INT64 column {@code id} and {@code messages}, a list of structs of two optional strings
 * {@code role} and {@code content}; one row group, plain pages, from the format's specification (repetition and definition levels of Dremel).
 */
final class MessagesParquet {
    private MessagesParquet() { }

    /** Rows of turns, each {@code {role, content}}; a null row is a null list, a null content a null string. */
    static byte[] write(List<List<String[]>> rows) {
        var file = new ByteArrayOutputStream();
        file.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        long[] offset = new long[3];
        int[] size = new int[3];
        int[] values = new int[3];
        for (int column = 0; column < 3; column++) {
            var page = new Page();
            if (column == 0) {
                for (int i = 0; i < rows.size(); i++) {
                    page.values++;
                    page.data.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(i).array());
                }
            } else {
                leaf(rows, column - 1, page);
            }
            byte[] plain = page.bytes(column > 0);
            var header = new TinyParquet();
            header.i32(1, 0).i32(2, plain.length).i32(3, plain.length).struct(5).i32(1, page.values).i32(2, 0).i32(3, 3).i32(4, 3).end(5).stop();
            offset[column] = file.size();
            values[column] = page.values;
            file.writeBytes(header.out.toByteArray());
            file.writeBytes(plain);
            size[column] = (int) (file.size() - offset[column]);
        }
        byte[] footer = footer(rows.size(), offset, size, values);
        file.writeBytes(footer);
        file.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(footer.length).array());
        file.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        return file.toByteArray();
    }

    /** Levels of {@code messages (optional, 1) . list (repeated, 2) . element (optional, 3) . leaf (optional, 4)}. */
    private static void leaf(List<List<String[]>> rows, int field, Page page) {
        for (List<String[]> turns : rows) {
            if (turns == null || turns.isEmpty()) {
                page.level(0, turns == null ? 0 : 1);
                continue;
            }
            for (int i = 0; i < turns.size(); i++) {
                String value = turns.get(i)[field];
                page.level(i == 0 ? 0 : 1, value == null ? 3 : 4);
                if (value != null) {
                    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
                    page.data.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(bytes.length).array());
                    page.data.writeBytes(bytes);
                }
            }
        }
    }

    /** Levels as runs of one (RLE hybrid, four-byte length before), then values. */
    private static final class Page {
        private final ByteArrayOutputStream repetitions = new ByteArrayOutputStream();
        private final ByteArrayOutputStream definitions = new ByteArrayOutputStream();
        private final ByteArrayOutputStream data = new ByteArrayOutputStream();
        private int values;

        void level(int repetition, int definition) {
            repetitions.writeBytes(new byte[] {2, (byte) repetition});
            definitions.writeBytes(new byte[] {2, (byte) definition});
            values++;
        }

        byte[] bytes(boolean levels) {
            var page = new ByteArrayOutputStream();
            for (ByteArrayOutputStream each : levels ? List.of(repetitions, definitions) : List.<ByteArrayOutputStream>of()) {
                page.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(each.size()).array());
                page.writeBytes(each.toByteArray());
            }
            page.writeBytes(data.toByteArray());
            return page.toByteArray();
        }
    }

    private static void group(TinyParquet f, String name, int repetition, int children, boolean list) {
        f.lastField = 0;
        f.i32(3, repetition).string(4, name).i32(5, children);
        if (list) {
            f.i32(6, 3);
        }
        f.stop();
    }

    private static byte[] footer(int rows, long[] offset, int[] size, int[] values) {
        var f = new TinyParquet();
        f.i32(1, 1).list(2, 12, 7);
        f.lastField = 0;
        f.string(4, "schema").i32(5, 2).stop();
        f.lastField = 0;
        f.i32(1, 2).i32(3, 0).string(4, "id").stop();
        group(f, "messages", 1, 1, true);
        group(f, "list", 2, 1, false);
        group(f, "element", 1, 2, false);
        for (String leaf : List.of("role", "content")) {
            f.lastField = 0;
            f.i32(1, 6).i32(3, 1).string(4, leaf).i32(6, 0).stop();
        }
        f.lastField = 2;
        f.i64(3, rows).list(4, 12, 1);
        f.lastField = 0;
        f.list(1, 12, 3);
        String[][] paths = {{"id"}, {"messages", "list", "element", "role"}, {"messages", "list", "element", "content"}};
        for (int column = 0; column < 3; column++) {
            f.lastField = 0;
            f.i64(2, offset[column]).struct(3).i32(1, column == 0 ? 2 : 6).list(2, 5, 2).raw(TinyParquet.zigzag(0)).raw(TinyParquet.zigzag(3))
                    .list(3, 8, paths[column].length);
            for (String name : paths[column]) {
                f.text(name);
            }
            f.i32(4, 0).i64(5, values[column]).i64(6, size[column]).i64(7, size[column]).i64(9, offset[column]).end(3).stop();
        }
        f.lastField = 1;
        f.i64(2, offset[2] + size[2] - 4).i64(3, rows).stop();
        f.lastField = 4;
        f.stop();
        return f.out.toByteArray();
    }
}
