package dev.zhulong.data;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What was decided of all documents together, as far as one part is concerned: its batches, which begin in it and may end in a later one.
 *
 * @param first  number of the first batch's first document
 * @param sizes  documents in each batch
 * @param fates  of the documents of these batches
 * @param wanted numbers of those that the audit shows
 */
record Decisions(int first, int[] sizes, byte[] fates, Set<Integer> wanted) {
    private static final String STAGE = "decide";
    private static final String FATES = "fates";
    private static final String BATCHES = "batches";
    private static final Split.Fate[] ALL = Split.Fate.values();

    Split.Fate fate(int document) {
        return ALL[fates[document - first]];
    }

    boolean wants(int document) {
        return wanted.contains(document);
    }

    /**
     * Writes them for all parts.
     *
     * @param batches number of the first document, then how many each batch has, of each part
     */
    static void write(PartFiles files, Split split, int documents, List<List<Integer>> batches, Set<Integer> wanted) {
        files.write(STAGE, 0, directory -> {
            try (DataOutputStream out = PartFiles.out(directory.resolve(FATES))) {
                for (int document = 0; document < documents; document++) {
                    out.writeByte(split.fate(document).ordinal());
                }
            }
            try (DataOutputStream out = PartFiles.out(directory.resolve(BATCHES))) {
                out.writeInt(wanted.size());
                for (int document : wanted) {
                    out.writeInt(document);
                }
                for (List<Integer> part : batches) {
                    out.writeInt(part.size());
                    for (int number : part) {
                        out.writeInt(number);
                    }
                }
            }
        });
    }

    static Decisions read(PartFiles files, int part) throws IOException {
        Path directory = files.of(STAGE, 0);
        var wanted = new HashSet<Integer>();
        int[] batches = {};
        try (DataInputStream in = PartFiles.in(directory.resolve(BATCHES))) {
            for (int i = in.readInt(); i > 0; i--) {
                wanted.add(in.readInt());
            }
            for (int other = 0; other <= part; other++) {
                batches = new int[in.readInt()];
                for (int i = 0; i < batches.length; i++) {
                    batches[i] = in.readInt();
                }
            }
        }
        int first = batches[0];
        int[] sizes = IntStream.of(batches).skip(1).toArray();
        var fates = ByteBuffer.allocate(IntStream.of(sizes).sum());
        try (FileChannel in = FileChannel.open(directory.resolve(FATES))) {
            while (fates.hasRemaining()) {
                if (in.read(fates, first + (long) fates.position()) < 0) {
                    throw new IOException(directory.resolve(FATES) + " was cut short while in use");
                }
            }
        }
        return new Decisions(first, sizes, fates.array(), wanted);
    }
}
