#!/bin/bash
# Two ranks on two nodes that see the same directory: sbatch slurm.sh. First write the key, readable by you alone:
#   (umask 077; head -c 32 /dev/urandom > key)
#SBATCH --job-name=zhulong-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --requeue

export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun ./zhulong train-cluster --master "$first:29500" --key-file key pretrain --recipe recipe.yaml --out run
