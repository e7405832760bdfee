package dev.zhulong.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Processes that tests find in /proc. */
final class Processes {
    private Processes() {}

    /** Processes under this one whose command names a program, behind a class path that is too long for what Java tells of processes. */
    static List<ProcessHandle> below(String program) {
        return ProcessHandle.current().descendants().filter(process -> {
            try {
                return Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline")).replace('\0', ' ').contains(program);
            } catch (IOException e) {
                // it has ended
                return false;
            }
        }).toList();
    }
}
