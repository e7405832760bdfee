package dev.zhulong.distribute;

import java.util.Map;
import java.util.Optional;

/**
 * Which rank whoever started this process says it is: torchrun, a Kubernetes Job with indexes, or Slurm.
 *
 * @param by         whom it was started by
 * @param rank       from 0
 * @param size       how many there are; 0 where that is not said
 * @param oneHost    whether all are on this host
 * @param generation how often all were started again
 * @param store      of torchrun, where its agent keeps a store, as {@code host:port}; else empty
 * @param run        its name among others in that store
 */
public record Launched(String by, int rank, int size, boolean oneHost, int generation, String store, String run) {
    /**
     * What the variables say; empty where they say nothing.
     *
     * @throws IllegalArgumentException if one of them is missing or makes no sense
     */
    public static Optional<Launched> read(Map<String, String> variables) {
        if (variables.containsKey("TORCHELASTIC_RUN_ID")) {
            int size = number(variables, "WORLD_SIZE");
            if (!"True".equals(variables.get("TORCHELASTIC_USE_AGENT_STORE"))) {
                throw new IllegalArgumentException("torchrun's agent keeps no store (TORCHELASTIC_USE_AGENT_STORE is not True): give --master, --rank and --world-size");
            }
            return Optional.of(new Launched("torchrun", number(variables, "RANK"), size, number(variables, "LOCAL_WORLD_SIZE") == size, number(variables, "TORCHELASTIC_RESTART_COUNT"),
                    text(variables, "MASTER_ADDR") + ":" + number(variables, "MASTER_PORT"), text(variables, "TORCHELASTIC_RUN_ID")));
        }
        if (variables.containsKey("JOB_COMPLETION_INDEX")) {
            return Optional.of(new Launched("Kubernetes", number(variables, "JOB_COMPLETION_INDEX"), 0, false, 0, "", ""));
        }
        if (variables.containsKey("SLURM_PROCID")) {
            return Optional.of(new Launched("Slurm", number(variables, "SLURM_PROCID"), number(variables, "SLURM_NTASKS"), false, 0, "", ""));
        }
        return Optional.empty();
    }

    private static String text(Map<String, String> variables, String name) {
        String found = variables.get(name);
        if (found == null) {
            throw new IllegalArgumentException("the variable " + name + " is not set, by which a rank learns its place");
        }
        return found;
    }

    private static int number(Map<String, String> variables, String name) {
        try {
            return Integer.parseInt(text(variables, name));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("the variable " + name + " is '" + variables.get(name) + "', which is no number", e);
        }
    }
}
